import { setTimeout } from 'node:timers/promises';
import { isComplete, readProgress } from './progress.js';
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
  const open = isComplete(progress) ? await countOpen(stage, signal) : undefined;
  return { isSettled: open === 0, state: JSON.stringify({ ...progress, open }) };
}

/** Asking for every order takes a while, so it comes last. `undefined` if there is no answer. */
async function countOpen(
  { ledger, records }: Stage,
  signal: AbortSignal,
): Promise<number | undefined> {
  const statuses = await records.orderStatuses(signal).catch(() => undefined);
  if (statuses === undefined) return undefined;
  const isOpen = (id: string): boolean =>
    !['confirmed', 'rejected'].includes(statuses.get(id) ?? '');
  return [...ledger.accepted.keys()].filter(isOpen).length;
}
