import { expect, test } from '@jest/globals';
import { ESLint, Linter } from 'eslint';
import { fileURLToPath } from 'node:url';

/** The rules that need no types, as configured for files of core. */
const RULES = [
  'no-restricted-globals',
  'no-restricted-imports',
  'no-restricted-properties',
  'no-restricted-syntax',
];

/** How many problems lint finds in this line as part of this file of core. */
async function problems(line: string, file = 'lease/some.ts'): Promise<number> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const config = (await new ESLint().calculateConfigForFile(path)) as Linter.Config;
  const rules = Object.fromEntries(RULES.map((name) => [name, config.rules?.[name] ?? 'off']));
  return new Linter().verify(line, [{ rules }]).length;
}

test.each([
  'performance.now();',
  'Date.now();',
  'new Date();',
  'setTimeout(() => {}, 1);',
  'setImmediate(() => {});',
  'clearTimeout(timer);',
  'globalThis.setTimeout(() => {}, 1);',
  'Math.random();',
  'process.hrtime.bigint();',
  'AbortSignal.timeout(1);',
  "import { performance } from 'node:perf_hooks';",
  "import { setTimeout } from 'node:timers/promises';",
  "import { randomBytes } from 'node:crypto';",
])('lint refuses in core: %s', async (line) => {
  expect(await problems(line)).toBeGreaterThan(0);
});

test.each([
  'runtime.now();',
  'this.runtime.setTimeout(run, 1);',
  'new Date(ms);',
  'queueMicrotask(run);',
])('lint allows in core: %s', async (line) => {
  expect(await problems(line)).toBe(0);
});

test("lint allows Node's clocks and timers in the file that makes them a runtime", async () => {
  expect(await problems('performance.now();', 'process/node-runtime.ts')).toBe(0);
});
