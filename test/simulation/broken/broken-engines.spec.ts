import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { compileBroken, compileEngine } from './compile-engine.js';
import { BROKEN_ENGINES } from './engines.js';
import type { BrokenEngine } from './engines.js';

jest.setTimeout(600_000);

/** Always the same, so that the table in the documents is. */
const SEED = 'm';
/** Each mistake is found within so many schedules. */
const MOST_SCHEDULES = 1_000;
const PAGE = fileURLToPath(new URL('../../../docs/simulation.md', import.meta.url));

let folder: string;
const rows: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulation-'));
  await compileEngine(join(folder, 'whole'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs schedules until one breaks a rule. */
function run(compiled: string, schedules: number): Promise<string> {
  const options = ['--seed', SEED, '--seeds', String(schedules), '--workers', '1', '--brief'];
  const program = join(compiled, 'test/simulation/main.js');
  return new Promise((resolve) => {
    // It ends with 1 where a rule was broken.
    execFile(process.execPath, [program, ...options], (_error, output) => resolve(output));
  });
}

async function caught({ name, mistake, ...engine }: BrokenEngine): Promise<string> {
  const compiled = join(folder, name);
  await compileBroken(join(folder, 'whole'), compiled, { name, mistake, ...engine });
  const output = await run(compiled, MOST_SCHEDULES);
  const { seed, violations } = JSON.parse(output) as { seed: string; violations: string[] };
  // Then the mistake would be that its text does not fit any more.
  expect(violations[0]).not.toMatch(/ReferenceError|SyntaxError/);
  const [rule = ''] = violations[0]?.split(':') ?? [];
  return `| ${mistake} | ${seed} | ${rule} |`;
}

test.each(BROKEN_ENGINES)('catches an engine that is broken: $name', async (engine) => {
  rows.push(await caught(engine));
});

test('the engine as it is passes a hundred of the same schedules', async () => {
  expect(await run(join(folder, 'whole'), 100)).toContain('Every rule held.');
});

test('the table of the page names each of them', async () => {
  const page = await readFile(PAGE, 'utf8');
  if (process.env['UPDATE_SNIPPETS'] === '1') return writeFile(PAGE, await withTable(page));
  // Which schedule catches one changes with the code.
  for (const { mistake } of BROKEN_ENGINES) expect(page).toContain(`| ${mistake} `);
});

function withTable(page: string): Promise<string> {
  const table = ['| mistake | caught by | broken rule |', '| --- | --- | --- |', ...rows].join(
    '\n',
  );
  const updated = page.replace(
    /(<!-- broken engines -->\n\n)[^]*?(\n\n<!-- end of broken engines -->)/,
    (_all, begin: string, end: string) => `${begin}${table}${end}`,
  );
  return format(updated, { parser: 'markdown' });
}
