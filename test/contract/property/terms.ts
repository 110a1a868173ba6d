import type { QueueLimit } from '../../../libs/redis-queue-transport/src/core/broker/limit.js';
import type { LeaseTerms } from '../../../libs/redis-queue-transport/src/core/broker/lease.js';

/**
 * Time passes in whole hours, and what has a time has half an hour too: so the few seconds that a round really takes decide
 * nothing, on no clock.
 */
export const HOUR_MS = 3_600_000;
const HALF_HOUR_MS = HOUR_MS / 2;
/** What a command delays is due so much later than what the command before it does: no round takes as long. */
const STEP_MS = 10_000;
/** Ids are known so long that others were sent, or handled. */
export const WINDOW_MS = HOUR_MS + HALF_HOUR_MS;

export const TERMS: LeaseTerms = {
  leaseMs: 1_000 * HOUR_MS,
  deadLetterLimit: 4,
  deadLetterMaxAgeMs: 1_000 * HOUR_MS,
  onceMs: WINDOW_MS,
  waitMs: 1_000,
};

/** Late commands of a consumer that lost its lease are looked for so long: less than an hour. */
export const FENCE_MS = 15 * 60_000;

/** More than stays in an element. */
export const LARGE_BYTES = 110_000;

/** How long a message is delayed by the command of this number. */
export function delayMs(hours: number, number: number): number {
  return hours * HOUR_MS + HALF_HOUR_MS + number * STEP_MS;
}

/** How many may run or start in all consumers together; undefined for a queue without a limit. */
export const LIMITS: readonly (QueueLimit | undefined)[] = [
  undefined,
  undefined,
  { running: 1, rate: undefined, perMs: HOUR_MS },
  { running: 4, rate: undefined, perMs: HOUR_MS },
  { running: undefined, rate: 2, perMs: 2 * HOUR_MS },
  { running: 5, rate: 40, perMs: 20 * HOUR_MS },
];

/** How long the message at this place of those that are settled together waits until it is tried again. */
export function pauseMs(number: number, place: number): number {
  return delayMs(1, number) + place * 1_000;
}

/** How fast messages of a key may go on. */
export type KeyPace = Pick<QueueLimit, 'rate' | 'perMs'>;

export const KEY_PACES: readonly KeyPace[] = [
  { rate: undefined, perMs: HOUR_MS },
  { rate: 1, perMs: HOUR_MS },
  { rate: 40, perMs: 20 * HOUR_MS },
];
