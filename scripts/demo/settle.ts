import { setTimeout } from 'node:timers/promises';
import { isComplete, readProgress } from './progress.js';
import { countOpen, readQueueLengths } from './queue-lengths.js';
import type { Stage } from './stage.js';

const LOOK_EVERY_MS = 100;
/** Much longer than the lease of a killed process, after which its messages move again. */
const STALL_MS = 30_000;

/**
 * Waits until there is nothing left to happen. Answers what is the matter if nothing happens any
 * more although there should.
 */
export async function untilSettled(stage: Stage, signal: AbortSignal): Promise<string | undefined> {
  let last = '';
  let lastChangeAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const now = await look(stage, signal);
    // Twice the same, so that something that comes twice has had the time to come.
    if (now.isSettled && now.state === last) return undefined;
    if (now.state !== last) {
      last = now.state;
      lastChangeAt = performance.now();
    } else if (performance.now() - lastChangeAt > STALL_MS) {
      return `nothing has moved for ${STALL_MS / 1_000} s`;
    }
    await setTimeout(LOOK_EVERY_MS);
  }
}

async function look(
  stage: Stage,
  signal: AbortSignal,
): Promise<{ isSettled: boolean; state: string }> {
  const progress = await readProgress(stage);
  const open = isComplete(progress) ? await countAllOpen(stage, signal) : undefined;
  return { isSettled: open === 0, state: JSON.stringify({ ...progress, open }) };
}

/** Orders and messages. Asking for all of them takes a while, so it comes last. `undefined` if there is no answer. */
async function countAllOpen(
  { ledger, records, redis }: Stage,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const statuses = await records.orderStatuses(signal);
    const isOpen = (id: string): boolean =>
      !['confirmed', 'rejected'].includes(statuses.get(id) ?? '');
    const queues = await readQueueLengths(redis.connection, redis.queuePrefix);
    return queues.reduce(
      (sum, lengths) => sum + countOpen(lengths),
      [...ledger.accepted.keys()].filter(isOpen).length,
    );
  } catch {
    return undefined;
  }
}
