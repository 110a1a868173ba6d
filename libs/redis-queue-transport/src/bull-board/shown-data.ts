import { inspect } from 'node:util';
import type { QueuedMessage } from '../index.js';

/** Longest JSON of data that is shown in a list: a board asks for the list again every few seconds. */
const LONGEST_LISTED = 16_384;
/** How many bytes are shown. */
const MOST_BYTES = 1_024;

/** The data of a message as the board sends it to the browser: always something that JSON can write. */
export function shownData(message: QueuedMessage, place: 'list' | 'page'): unknown {
  const { data, unreadable, isDataUnread, element } = message;
  if (unreadable !== undefined) return { unreadable, element: shownBytes(element) };
  if (isDataUnread && place === 'list') return 'large: open the message to see it';
  const json = jsonOf(data);
  if (json === undefined) return inspect(data);
  if (place === 'list' && json.length > LONGEST_LISTED) return 'large: open the message to see it';
  return JSON.parse(json);
}

/** Undefined if JSON cannot write it. */
function jsonOf(data: unknown): string | undefined {
  try {
    return JSON.stringify(data, (_key, value: unknown) => plain(value));
  } catch {
    return undefined; // for example circular: codecs may return anything
  }
}

/** Codecs may return values that JSON does not have. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  // JSON.stringify turns a Buffer into this before it asks.
  if (isJsonOfBuffer(value)) return shownBytes(Buffer.from(value.data));
  if (value instanceof Uint8Array) return shownBytes(value);
  return value;
}

function isJsonOfBuffer(value: unknown): value is { readonly data: readonly number[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    Reflect.get(value, 'type') === 'Buffer' &&
    Array.isArray(Reflect.get(value, 'data'))
  );
}

function shownBytes(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, MOST_BYTES)).toString('latin1');
  return `${bytes.length} bytes: ${JSON.stringify(shown)}`;
}
