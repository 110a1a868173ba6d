import { setTimeout } from 'node:timers/promises';

import { countOpen, readQueueLengths } from './queue-lengths.js';
import type { Stage } from './stage.js';
import { Unexpected } from './unexpected.js';

const LOOK_EVERY_MS = 100;
/** Much longer than the lease of a killed process, after which its messages move again. */
const STALL_MS = 30_000;

const ENDS: readonly (string | undefined)[] = ['confirmed', 'rejected', 'cancelled'];

/** Waits until each accepted order that is not meant to stay open has ended, and its customer got the e-mail. */
export async function untilSettled(stage: Stage, signal: AbortSignal): Promise<void> {
  await untilNoneIsOpen(() => openOrders(stage, signal), signal);
}

/** The same, and waits until no message is left anywhere. */
export async function untilAllIsQuiet(stage: Stage, signal: AbortSignal): Promise<void> {
  const { connection, queuePrefix } = stage.redis;
  await untilNoneIsOpen(async () => {
    const orders = await openOrders(stage, signal);
    const queues = await readQueueLengths(connection, queuePrefix);
    return [...orders, ...queues.filter((queue) => countOpen(queue) > 0).map(({ queue }) => queue)];
  }, signal);
}

async function openOrders(
  { ledger, records }: Stage,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ids = [...ledger.accepted.keys()].filter((id) => !ledger.pending.has(id));
  const emails = await records.countEmails();
  // Asking for all of them takes a while, so it comes last.
  if (emails < ids.length) return [`${ids.length - emails} of ${ids.length} orders`];
  const statuses = await records.orderStatuses(signal);
  return ids.filter((id) => !ENDS.includes(statuses.get(id)));
}

async function untilNoneIsOpen(
  look: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<void> {
  let last = '';
  let lastChangeAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    // A look can fail while Redis or a service comes back.
    const open = await look().catch((error: unknown) => [String(error)]);
    if (open.length === 0) return;
    const now = open.join(', ');
    if (now !== last) {
      last = now;
      lastChangeAt = performance.now();
    } else if (performance.now() - lastChangeAt > STALL_MS) {
      throw new Unexpected(`nothing has moved for ${STALL_MS / 1_000} s; still open: ${now}`);
    }
    await setTimeout(LOOK_EVERY_MS);
  }
}
