import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, jest, test } from '@jest/globals';

jest.setTimeout(120_000);

/** Runs Jest on the failing file alone. Returns what it prints. */
async function output(...more: string[]): Promise<string> {
  const args = ['run', '--silent', 'jest', '--', '--testMatch', '**/test/runner/failing.ts'];
  const run = promisify(execFile)('npm', [...args, ...more], {
    env: { ...process.env, FORCE_COLOR: '0' },
    maxBuffer: 100_000_000,
  });
  const { stdout, stderr } = await run.catch(
    (error: unknown) => error as { stdout: string; stderr: string }, // it fails, as it has to
  );
  return stdout + stderr;
}

test('failures fit on a few screens, and their list at the end on one, with commands', async () => {
  const printed = await output();

  const lines = printed.trimEnd().split('\n');
  expect(lines.length).toBeLessThan(400);
  const ends = lines.slice(-30);
  expect(ends).toContain('35 failed. To run one again:');
  expect(ends).toContain(
    String.raw`  npm run jest -- test/runner/failing.ts -t '^what'\''s long \(and fails\)$'`,
  );
  expect(ends).toContain("  npm run jest -- test/runner/failing.ts -t '^a short one$'");
  expect(ends).toContain(
    '    Error: expect(received).toBe(expected) // Object.is equality Expected: 2 Received: 1',
  );
  expect(ends.filter((line) => line.includes('This compares something 300000 long'))).toHaveLength(
    3,
  );
  expect(ends.at(-1)).toBe('… and 23 more: see above.');
});

test('the first line says how long the tests usually take, and the last how long they took', async () => {
  const printed = await output();

  const [, usual] = /^All tests usually take ([^;.]+)/m.exec(printed) ?? [];
  expect(readFileSync('CONTRIBUTING.md', 'utf8')).toContain(String(usual));
  expect(printed).toMatch(/^All tests took \d+ s\.$/m);
});

test('a single test, run by the command, shows no time for all tests', async () => {
  const printed = await output('-t', '^a short one$');

  expect(printed).not.toContain('All tests');
  expect(printed).toContain('1 failed. To run one again:');
});
