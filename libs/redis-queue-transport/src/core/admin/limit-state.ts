import { boundIn } from '../broker/bound.js';
import type { QueueOrder } from '../broker/lease.js';
import { limitIn, paceOf, startsInMs } from '../broker/limit.js';
import type { QueueLimit } from '../broker/limit.js';
import { PER_KEY, perKeyIn } from '../broker/per-key.js';
import type { KeyLimit } from '../broker/per-key.js';

/** The limits of a queue, as the server has recorded them that started last, and what they hold back now. */
export interface LimitState {
  /** How many messages may wait, suspects and delayed ones included: the handler's `maxLength`. Undefined without a limit. */
  readonly maxLength: number | undefined;
  /** As many wait as `maxLength` allows, or more: senders are refused. */
  readonly isFull: boolean;
  /** The handler's `limit`. Compare `running` with `processing`. Undefined without one. */
  readonly limit: QueueLimit | undefined;
  /** How many messages of a key may run at once, and start in a time. */
  readonly perKey: KeyLimit;
  readonly order: QueueOrder;
  /** For how many ms yet no message starts, since a handler threw `SlowDown`. 0 if the queue is not slowed down. */
  readonly slowedMs: number;
  /** In how many ms `limit.rate` lets the next message start. 0 if it may start now. */
  readonly rateWaitMs: number;
}

/** What a broker reads for it. */
export interface LimitFacts {
  /** How many messages count for the bound. */
  readonly length: number;
  readonly slowedMs: number;
  /** What limits by rate remember: when the next message would start if all came at equal intervals. */
  readonly nextAtUs: number;
  readonly nowUs: number;
}

/** Numbers of messages, beside what limits them. */
type Counts<Place extends string> = Readonly<Record<Place, number>>;

/** As many run as `limit.running` allows, and more messages wait. */
export function isAtRunning({
  limit,
  processing,
  waiting,
  suspects,
}: Pick<LimitState, 'limit'> & Counts<'processing' | 'waiting' | 'suspects'>): boolean {
  return waiting + suspects > 0 && processing >= (limit?.running ?? Infinity);
}

/** `limit.rate` lets none of the messages that wait start now. */
export function isAtRate({
  rateWaitMs,
  waiting,
  suspects,
}: Pick<LimitState, 'rateWaitMs'> & Counts<'waiting' | 'suspects'>): boolean {
  return waiting + suspects > 0 && rateWaitMs > 0;
}

/** How many messages count for the bound of a queue. */
export function boundedLength({
  waiting,
  inLanes,
  unkeyed,
  suspects,
  delayed,
}: Counts<'waiting' | 'inLanes' | 'unkeyed' | 'suspects' | 'delayed'>): number {
  return waiting + inLanes + unkeyed + suspects + delayed;
}

/** The terms that it needs, in the order in which {@link limitState} takes their values. */
export const LIMIT_TERMS = ['maxLength', 'limit', 'order', ...Object.values(PER_KEY)] as const;

/** The values are what servers have recorded; whatever else stands there counts as nothing. */
export function limitState(
  values: readonly (string | null | undefined)[],
  { length, slowedMs, nextAtUs, nowUs }: LimitFacts,
): LimitState {
  const terms = new Map(LIMIT_TERMS.map((name, at) => [name as string, values[at] ?? '']));
  const maxLength = boundIn(terms.get('maxLength'));
  const limit = limitIn(terms.get('limit'));
  const pace = limit === undefined ? undefined : paceOf(limit);
  return {
    maxLength,
    isFull: maxLength !== undefined && length >= maxLength,
    limit,
    perKey: perKeyIn(terms),
    order: terms.get('order') === 'newestFirst' ? 'newestFirst' : 'oldestFirst',
    slowedMs,
    rateWaitMs: pace === undefined ? 0 : startsInMs(pace, nextAtUs, nowUs),
  };
}
