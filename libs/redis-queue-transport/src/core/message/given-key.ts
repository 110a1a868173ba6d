import { MAX_HEADER_BYTES, frontText, readFront, splitHeader } from './header.js';
import { isKey, writtenKey } from './key.js';

/** How an element gets a key: text in place of its first bytes. */
export interface GivenKey {
  readonly front: string;
  /** How many bytes that replaces. */
  readonly from: number;
}

/**
 * Gives a key to an element that has none, and a header to one without. Undefined if it cannot have one: the key cannot be
 * written, or the header cannot be read, or could not be any more.
 */
export function giveKey(element: Buffer, key: string, newId: () => string): GivenKey | undefined {
  const written = isKey(key) ? writtenKey(key) : undefined;
  if (written === undefined) return undefined;
  const field = `,"key":"${written}"`;
  const parts = splitHeader(element);
  if (parts === undefined)
    return { front: `{"rq":1${field},"id":${JSON.stringify(newId())}}\n`, from: 0 };
  const front = readFront(parts.header);
  if (front === undefined) return undefined;
  const text = frontText(front) + field;
  const bytes = parts.header.length - front.end + text.length;
  return bytes > MAX_HEADER_BYTES ? undefined : { front: text, from: front.end };
}
