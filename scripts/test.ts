import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Spec files that run alone, after all others: they pass elements of hundreds of MiB, or measure how long a script works,
 * and would disturb what runs beside them, or be disturbed by it.
 */
const ALONE = [
  'test/faults/giant-elements.spec.ts',
  'test/faults/hostile-elements.spec.ts',
  'test/faults/large-elements.spec.ts',
  'test/faults/long-scripts.spec.ts',
  'test/faults/wrong-clock.spec.ts',
];

async function jest(...given: readonly string[]): Promise<boolean> {
  const child = spawn('npm', ['run', '--silent', 'jest', '--', ...given], { stdio: 'inherit' });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return exitCode === 0;
}

const given = process.argv.slice(2);
if (given.length > 0) {
  process.exitCode = (await jest(...given)) ? 0 : 1;
} else {
  const passed = await jest('--testPathIgnorePatterns', ...ALONE);
  console.log(`\nNow the tests that run alone: ${ALONE.join(', ')}`);
  const passedAlone = await jest('--runInBand', ...ALONE);
  process.exitCode = passed && passedAlone ? 0 : 1;
}
