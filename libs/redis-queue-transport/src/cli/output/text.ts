import { printable } from '../../core/message/printable.js';
import type { QueuedMessage } from '../../index.js';
import { jsonText } from './json.js';
import { shortened } from './width.js';

/** The data of a message on one line. */
export function dataText(
  { data, isDataUnread, unreadable, element }: QueuedMessage,
  columns = 60,
): string {
  if (unreadable !== undefined)
    return shortened(
      printable(`(unreadable) ${element.subarray(0, 200).toString('latin1')}`),
      columns,
    );
  if (isDataUnread) return '(large, not read: add --large)';
  return shortened(printable(valueText(data)), columns);
}

export function valueText(data: unknown): string {
  if (data instanceof Uint8Array)
    return `(${data.length} bytes) ${Buffer.from(data).toString('base64')}`;
  return data === undefined ? 'undefined' : jsonText(data);
}

/** JSON on several lines, or the bytes, without anything that could control a terminal. */
export function wholeText(data: unknown): string {
  if (data instanceof Uint8Array) return valueText(data);
  if (data === undefined) return 'undefined';
  return jsonText(data, 2).split('\n').map(printable).join('\n');
}

/** A message as `--json` shows it: with its bytes only if it cannot be read. */
export function shown<T extends QueuedMessage>(message: T): Partial<T> {
  if (message.unreadable !== undefined) return message;
  const { element: _, ...rest } = message;
  return rest as Partial<T>; // all but one member of it
}

export function timeText(date: Date | undefined): string {
  return date === undefined
    ? ''
    : date
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z');
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Text as one word for a shell, for commands that people paste: names come from Redis, so they are data. */
export function shellWord(text: string): string {
  return /^[\w@./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
