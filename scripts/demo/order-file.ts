import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageDirectory } from './package-directory.js';

/** The orders as text, one from each line. Some are broken on purpose. */
export async function readOrderFile(): Promise<string[]> {
  const path = join(packageDirectory('order-service'), 'data', 'orders.jsonl');
  // Not readline, which would also break lines at U+2028 in a customer's note.
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  if (lines.length === 0) throw new Error(`${path} holds no orders`);
  return lines;
}

/** Starts from the top again at the end of the file. Each order gets an id of its own from order-service. */
export function* cycleOrders(lines: readonly string[], count: number): Generator<string> {
  for (let index = 0; index < count; index += 1) {
    const line = lines[index % lines.length];
    if (line !== undefined) yield line;
  }
}
