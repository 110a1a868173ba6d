import { IncompleteError } from '../../core/errors/call-errors.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import type { SendFailure } from '../../core/errors/call-errors.js';
import { rejected } from '../../core/errors/rejected.js';
import type { OutgoingMessage } from './outgoing-message.js';
import { isRecord } from '../packets/redis-queue-record.js';

/** Stands for data of which no message could be made. */
class Unmade {
  readonly bytes = 0;

  constructor(readonly error: unknown) {}

  detached(): this {
    return this;
  }
}

/** Messages, with an error in place of each one that could not be made. */
export type Made = readonly (OutgoingMessage | Unmade)[];

/** Makes a message of each, now. A failure does not affect the others. */
export function makeMany(data: readonly unknown[], make: (one: unknown) => OutgoingMessage): Made {
  return data.map((one) => {
    try {
      return make(one);
    } catch (error) {
      return new Unmade(error);
    }
  });
}

/**
 * Sends all messages in one turn of the event loop, so that they travel together, and waits for all. A failure does not
 * affect the others.
 * @throws IncompleteError if any of them failed
 */
export async function sendMany<T>(
  messages: Made,
  /** Never throws. */
  send: (message: OutgoingMessage) => Promise<T>,
): Promise<T[]> {
  const ends = await Promise.allSettled(
    messages.map((message) =>
      message instanceof Unmade ? rejected(message.error) : send(message),
    ),
  );
  const failures: SendFailure[] = [];
  const results: T[] = [];
  ends.forEach((end, index) => {
    if (end.status === 'fulfilled') results[index] = end.value;
    else failures.push({ index, error: end.reason });
  });
  if (failures.length > 0) throw new IncompleteError(messages.length, failures, results);
  return results;
}

/** The error for a single message in place of an array: types are not always obeyed. */
export function noArray(data: unknown): InvalidOptionError {
  const what = isRecord(data) ? 'a record' : typeof data;
  return new InvalidOptionError(
    'data',
    `data must be an array with an element for each message (data or a record), got ${what}: ` +
      'use enqueue() or emit() for one message',
  );
}
