import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';

/** Spec files that pass elements of hundreds of MiB, or set clocks, and would disturb what runs beside them. */
const DISTURBING = [
  'test/faults/giant-elements.spec.ts',
  'test/faults/hostile-elements.spec.ts',
  'test/faults/large-elements.spec.ts',
  'test/faults/wrong-clock.spec.ts',
];

/** Spec files that measure how long a script works, and would be disturbed by what runs beside them. */
async function measuring(): Promise<string[]> {
  const files = await readdir('test', { recursive: true });
  const specs = files.filter((file) => file.endsWith('.spec.ts')).map((file) => `test/${file}`);
  const texts = await Promise.all(specs.map((spec) => readFile(spec, 'utf8')));
  return specs.filter((_, index) => texts[index]?.includes('/script-times.js'));
}

async function jest(...given: readonly string[]): Promise<boolean> {
  const child = spawn('npm', ['run', '--silent', 'jest', '--', ...given], { stdio: 'inherit' });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return exitCode === 0;
}

const given = process.argv.slice(2);
if (given.length > 0) {
  process.exitCode = (await jest(...given)) ? 0 : 1;
} else {
  const alone = [...DISTURBING, ...(await measuring())];
  const passed = await jest('--testPathIgnorePatterns', ...alone);
  console.log(`\nNow the tests that run alone, after all others: ${alone.join(', ')}`);
  const passedAlone = await jest('--runInBand', ...alone);
  process.exitCode = passed && passedAlone ? 0 : 1;
}
