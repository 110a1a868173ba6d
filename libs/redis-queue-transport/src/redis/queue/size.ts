import type { Element } from '../../core/message/envelope.js';

/** Most bytes that one UTF-16 unit takes in UTF-8. */
const MOST_BYTES_PER_UNIT = 3;

/** Whether the element has more bytes. Text is measured only if its length does not decide that. */
export function isLarger(element: Element, bytes: number): boolean {
  if (typeof element !== 'string') return element.length > bytes;
  if (element.length * MOST_BYTES_PER_UNIT <= bytes) return false;
  return Buffer.byteLength(element) > bytes;
}
