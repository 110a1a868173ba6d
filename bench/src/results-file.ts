import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from './arguments.js';
import type { Results } from './results.js';

/** More digits than any clock resolves. */
const DIGITS = 6;

/** One line for each sample, so that it can be read and compared. */
export async function writeResults(file: string, results: Results): Promise<void> {
  const { run, samples, omissions } = results;
  const lines = (items: readonly unknown[]): string =>
    `[\n${items.map((item) => JSON.stringify(item, rounded)).join(',\n')}\n]`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    `{"run":${JSON.stringify(run, null, 2)},\n"samples":${lines(samples)},\n"omissions":${lines(omissions)}}\n`,
  );
}

/** @throws UsageError */
export async function readResults(file: string): Promise<Results> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) throw new UsageError(`there is no ${file}`);
  return JSON.parse(text) as Results; // written by writeResults
}

function rounded(_key: string, value: unknown): unknown {
  const hasFraction = typeof value === 'number' && !Number.isInteger(value);
  return hasFraction ? Number(value.toPrecision(DIGITS)) : value;
}
