import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { UsageError } from '../words/usage-error.js';
import { dataOf, notNull } from './message-options.js';

/** A message of a file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly data: unknown;
  /** Settings beside the data. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface LineFormat {
  readonly isText: boolean;
  /** Lines have data and settings. */
  readonly hasSettings: boolean;
}

/**
 * How many messages the file has; undefined for standard input, which can be read only once.
 * @throws UsageError if it cannot be read, which names the first wrong line: nothing was sent
 */
export async function countLines(
  file: string,
  format: LineFormat,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (file === '-') return undefined;
  let count = 0;
  const lines = readLines(file, format, signal);
  while ((await lines.next()).done !== true) count += 1;
  return count;
}

/** Leaves out empty lines. An abort ends it, even while standard input is silent. @throws UsageError */
export async function* readLines(
  file: string,
  format: LineFormat,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  const input = file === '-' ? process.stdin : await opened(file);
  let number = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity, signal })) {
      number += 1;
      if (text.trim() !== '') yield { number, ...messageOf(text, number, format) };
    }
  } finally {
    input.destroy();
  }
}

async function opened(file: string): Promise<Readable> {
  try {
    if ((await stat(file)).isDirectory()) throw new UsageError(`${file} is a directory.`);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`Cannot read ${file}: ${String(Reflect.get(Object(error), 'code'))}.`);
  }
  return createReadStream(file);
}

function messageOf(text: string, number: number, format: LineFormat): Omit<Line, 'number'> {
  const where = `Line ${number}`;
  const value = dataOf(text, format.isText, where);
  if (!format.hasSettings) return { data: value, settings: {} };
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !('data' in value))
    throw new UsageError(`${where} must be an object with "data", since --records was given.`);
  const { data, ...settings } = value as Record<string, unknown>; // an object, as was just checked
  return { data: notNull(data, `${where}: data`), settings: settingsOf(settings, where) };
}

function settingsOf(settings: Record<string, unknown>, where: string): Record<string, unknown> {
  const { deliverAt } = settings;
  if (deliverAt === undefined) return settings;
  const date = new Date(typeof deliverAt === 'string' ? deliverAt : NaN);
  if (Number.isNaN(date.getTime()))
    throw new UsageError(`${where}: deliverAt must be a time such as 2026-11-28T10:00:00Z.`);
  return { ...settings, deliverAt: date };
}
