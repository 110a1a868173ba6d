import { readDeadLetter } from '../../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { decodeElement } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';

/** Short for lists: "label attempt/crashes". */
export function textOf(element: Buffer): string {
  const { attempt, crashes } = decodeElement(element);
  return `${labelOf(element)} ${attempt}/${crashes}`;
}

export function labelOfDead(element: Buffer): string {
  return labelOf(readDeadLetter(element)?.original ?? element);
}

/** What tells a message from others, wherever it is: its body, or its id where the body is parked. */
function labelOf(element: Buffer): string {
  const { id, parked, body } = decodeElement(element);
  return parked === undefined ? body.toString() : `${id}+`;
}
