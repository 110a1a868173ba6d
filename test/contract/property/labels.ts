import { readDeadLetter } from '../../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { decodeElement } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { LARGE_BYTES } from './terms.js';

/** Short for lists: "label attempt/crashes". */
export function textOf(element: Buffer): string {
  const { attempt, crashes } = decodeElement(element);
  return `${labelOf(element)} ${attempt}/${crashes}`;
}

export function labelOfDead(element: Buffer): string {
  return labelOf(readDeadLetter(element)?.original ?? element);
}

/** Orders the entries of a map by their keys. */
export function byKey(
  [one]: readonly [string, unknown],
  [other]: readonly [string, unknown],
): number {
  return one < other ? -1 : 1;
}

/** What tells a message from others, wherever it is: its body, or its id where the body is large. */
export function labelOf(element: Buffer): string {
  const { id, parked, body } = decodeElement(element);
  const isLarge = parked !== undefined || body.length >= LARGE_BYTES;
  return isLarge ? `${id}+` : body.toString();
}
