import type { Element } from '../../core/message/envelope.js';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import type { Connection } from './connection.js';

/** Redis accepts values of this many bytes with any setting. */
const ALWAYS_TAKEN_BYTES = 1_048_576;
/** Most bytes that one UTF-16 unit takes in UTF-8. */
const MOST_BYTES_PER_UNIT = 3;

/** Whether Redis may refuse a value of this length, in bytes or UTF-16 units, and close the connection. */
export function mayBeTooLong(length: number): boolean {
  return length > ALWAYS_TAKEN_BYTES / MOST_BYTES_PER_UNIT;
}

/**
 * The error if Redis would refuse the value; undefined if it would not, or if the user may not ask. Checked before
 * writing, since Redis closes the connection on which a value is too long.
 */
export async function refusalOfLong(
  connection: Connection,
  element: Element,
  action: string,
): Promise<RedisRefusedError | undefined> {
  const bytes = bytesOf(element);
  if (bytes <= ALWAYS_TAKEN_BYTES) return undefined;
  const most = await connection.longestValue();
  if (bytes <= most) return undefined;
  return new RedisRefusedError(
    'ERR',
    `Redis would refuse to ${action}: it takes values of up to ${most} bytes (its setting proto-max-bulk-len), and this one ` +
      `has ${bytes}. Nothing was sent. Send less, in parts or by reference, or raise the setting.`,
  );
}

/** For an error that the length may have caused: Redis may not have said so. */
export function hintOfLong(element: Element): string {
  const bytes = bytesOf(element);
  if (bytes <= ALWAYS_TAKEN_BYTES) return '';
  return (
    ` It has ${bytes} bytes: if that is more than the setting proto-max-bulk-len of Redis allows, Redis closes the connection. ` +
    'A Redis user with the permission config|get learns the setting before it sends.'
  );
}

function bytesOf(element: Element): number {
  return typeof element === 'string' ? Buffer.byteLength(element) : element.length;
}
