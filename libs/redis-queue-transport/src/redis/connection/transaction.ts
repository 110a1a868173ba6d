import type { Redis } from 'ioredis';
import { isReplyError, isTooLong, replyError } from './failure.js';

/** Redis's message for a discarded transaction, with the reason if it gives one. */
const DISCARDED = /^EXECABORT .*? because of: (.*)/s;

/** Redis closes a connection whose transaction has more (client-query-buffer-limit, by default 1 GiB). */
export const MOST_IN_TRANSACTION = 900 * 1_048_576;

export type Transaction = typeof transact;

/**
 * Sends commands that Redis executes as one, or not at all if it refuses one of them. Returns the reply of the last one.
 * For a user who may not start a transaction, they are separate commands.
 */
export async function transact(
  client: Redis,
  send: (client: Redis) => Promise<unknown>[],
): Promise<unknown> {
  const commands = [client.call('MULTI'), ...send(client)];
  const [executed, ...queued] = await Promise.allSettled([client.callBuffer('EXEC'), ...commands]);
  if (executed?.status === 'fulfilled') return lastOf(executed.value);
  const [begun] = queued;
  const last = queued.at(-1);
  if (begun?.status === 'rejected' && last?.status === 'fulfilled') return last.value;
  throw reasonOf([...queued, ...(executed === undefined ? [] : [executed])]);
}

/** Sends the commands separately, if they are too large for one transaction. Returns the same. */
export async function oneByOne(
  client: Redis,
  send: (client: Redis) => Promise<unknown>[],
): Promise<unknown> {
  const settled = await Promise.allSettled(send(client));
  const isFailed = settled.some(({ status }) => status === 'rejected');
  if (isFailed) throw reasonOf(settled);
  return lastOf(settled.map((one) => (one.status === 'fulfilled' ? one.value : undefined)));
}

/** A failed command does not keep the others from being executed. */
function lastOf(replies: unknown): unknown {
  if (!Array.isArray(replies)) throw replyError('ERR the transaction was not executed');
  const failed: unknown = replies.find((reply) => reply instanceof Error);
  if (failed instanceof Error) throw failed;
  return replies.at(-1);
}

/** Why Redis refused one of them. If a reply is missing, nobody knows what was executed. */
function reasonOf(settled: readonly PromiseSettledResult<unknown>[]): unknown {
  const reasons = settled.flatMap((one): unknown[] =>
    one.status === 'rejected' ? [one.reason as unknown] : [],
  );
  // After refusing a value as too long, Redis closes the connection, so neither that command nor any behind it was
  // executed.
  const reason = reasons.find(isTooLong) ?? reasons.find((one) => !isReplyError(one)) ?? reasons[0];
  const because = isReplyError(reason) ? DISCARDED.exec(reason.message)?.[1] : undefined;
  return because === undefined ? reason : replyError(because);
}
