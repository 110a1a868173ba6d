import { USUAL_PRIORITY } from '../core/message/priority.js';
import { InvalidOptionError } from '../index.js';
import type { QueuedMessage, RedisQueueClient, RedisQueueEnqueueOptions } from '../index.js';

/** What bull-board's forms call options that have other names here. */
const SYNONYMS: Readonly<Record<string, keyof RedisQueueEnqueueOptions>> = {
  delay: 'delayMs',
  jobId: 'id',
};

/** Members that options copied from another message may have, and that mean nothing for a new one. */
const IGNORED = new Set(['about']);

/**
 * Enqueues what somebody added on the board, with the options of `enqueue`, or with `delay` and `jobId`, as the board
 * calls two of them. Returns it as it was sent. @throws InvalidOptionError, and what `enqueue` rejects with
 */
export async function addedMessage(
  client: RedisQueueClient,
  queue: string,
  data: unknown,
  given: object,
): Promise<QueuedMessage> {
  const entries = Object.entries(given).filter(([name]) => !IGNORED.has(name));
  if (entries.some(([name]) => name === 'attempts')) {
    throw new InvalidOptionError(
      'attempts',
      'attempts cannot be set for one message: set the option retry.attempts of its handler',
    );
  }
  const options = Object.fromEntries(
    entries.map(([name, value]) => [SYNONYMS[name] ?? name, value as unknown]),
  ) as RedisQueueEnqueueOptions; // checked by enqueue
  const { id } = await client.enqueue(queue, data, options);
  return {
    id,
    pattern: undefined,
    priority: options.priority ?? USUAL_PRIORITY,
    attempt: 1,
    crashes: 0,
    sentAt: undefined,
    expiresAt: undefined,
    headers: options.headers ?? {},
    data,
    isDataUnread: false,
    element: Buffer.alloc(0),
  };
}
