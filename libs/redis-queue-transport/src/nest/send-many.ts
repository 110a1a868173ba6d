import { IncompleteError, InvalidOptionError } from '../core/errors.js';
import type { SendFailure } from '../core/errors.js';
import { rejected } from '../core/rejected.js';
import { RedisQueueRecord } from './redis-queue-record.js';

/**
 * Sends one after the other in one turn of the event loop, so that they travel together, and waits for all. What fails
 * keeps none of the others from being sent.
 * @throws IncompleteError when any of them failed
 */
export async function sendMany<T>(
  data: readonly unknown[],
  send: (one: unknown) => Promise<T>,
): Promise<T[]> {
  const ends = await Promise.allSettled(data.map((one) => begin(send, one)));
  const failures: SendFailure[] = [];
  const results: T[] = [];
  ends.forEach((end, index) => {
    if (end.status === 'fulfilled') results[index] = end.value;
    else failures.push({ index, error: end.reason });
  });
  if (failures.length > 0) throw new IncompleteError(data.length, failures, results);
  return results;
}

function begin<T>(send: (one: unknown) => Promise<T>, one: unknown): Promise<T> {
  try {
    return send(one);
  } catch (error) {
    return rejected(error);
  }
}

/** One message was given where many are meant: types do not always hold. */
export function noArray(data: unknown): InvalidOptionError {
  const what = data instanceof RedisQueueRecord ? 'a record' : typeof data;
  return new InvalidOptionError(
    'data',
    `data must be an array with an element for each message (data or a record), got ${what}: ` +
      'use enqueue() or emit() for one message',
  );
}
