import { aheadUs, paceOf, startsInMs } from '../../core/broker/limit.js';
import type { Pace } from '../../core/broker/limit.js';
import { perKeyIn } from '../../core/broker/per-key.js';
import { keyOf } from '../../core/message/key.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { toItsLevel } from './levels.js';

/** How many keys one command lets go on. */
const MOST_GOING_ON = 100;

/**
 * Counts one more of a key as out, and returns true; false if as many are out as may be, others are before it, or the key
 * rests: then it belongs into its lane.
 */
export function goesOut(queue: StoredQueue, key: string): boolean {
  const { lanes, rests } = queue;
  const out = lanes.out.get(key) ?? 0;
  const limit = perKeyIn(queue.terms);
  if (out >= limit.running || rests.has(key)) return false;
  if (out > 0 && lanes.of(key).length > 0) return false;
  if (isTooEarly(queue, key, paceOf(limit))) return false;
  lanes.out.set(key, out + 1);
  return true;
}

/** Adds elements that were not out before; those whose keys are to be read wait for that. */
export function enter(queue: StoredQueue, ...elements: readonly Buffer[]): void {
  if (!queue.isKeyed) return enterNow(queue, ...elements);
  for (const element of elements) queue.unkeyed.push(element);
  if (elements.length > 0) queue.tellKeyReader();
}

/** Adds elements to the end of their levels or, behind others of their keys, of their lanes. */
export function enterNow(queue: StoredQueue, ...elements: readonly Buffer[]): void {
  const wasEmpty = queue.waiting.length === 0;
  let isOutOfSight = false;
  for (const element of elements) if (enterOne(queue, element)) isOutOfSight = true;
  // Others may be blocked.
  if (isOutOfSight && wasEmpty) queue.wake('look');
}

/** Returns whether it is in the list of a level. */
function enterOne(queue: StoredQueue, element: Buffer): boolean {
  const key = keyOf(element)?.key;
  if (key === undefined || goesOut(queue, key)) return toItsLevel(queue, element);
  queue.lanes.add(key, element);
  return false;
}

/**
 * Lets the next of a key go on, since the element is gone for good. For one that has no key, or was never counted because
 * somebody put it into a list by hand, it does nothing.
 */
export function endStay(queue: StoredQueue, element: Buffer): void {
  const key = keyOf(element)?.key;
  const out = key === undefined ? 0 : (queue.lanes.out.get(key) ?? 0);
  if (key === undefined || out < 1) return;
  goOn(queue, key, out - 1);
}

/** As many of a key go on as may, where `left` are out. */
export function goOn(queue: StoredQueue, key: string, left: number): void {
  const { lanes, rests } = queue;
  const limit = perKeyIn(queue.terms);
  const pace = paceOf(limit);
  let out = left;
  while (out < limit.running && !rests.has(key) && lanes.of(key).length > 0) {
    if (isTooEarly(queue, key, pace)) break;
    const next = lanes.takeNext(key);
    if (next !== undefined) toItsLevel(queue, next);
    out += 1;
  }
  if (out === 0 && !rests.has(key)) lanes.out.delete(key);
  else lanes.out.set(key, out);
}

/** Nothing more of the key goes on for this time, or until it is resumed, unless it rests for longer. */
export function rest(queue: StoredQueue, key: string, ms: number): void {
  const sinceMs = queue.nowMs();
  const untilMs = sinceMs + ms;
  const isFirst = queue.rests.add(key, { sinceMs, untilMs });
  if (!queue.lanes.out.has(key)) queue.lanes.out.set(key, 0);
  if (isFirst && untilMs < Infinity) queue.tellTimekeeper(untilMs);
}

/** Counts one more of a key that goes on. If it may not yet, the key rests. */
function isTooEarly(queue: StoredQueue, key: string, pace: Pace | undefined): boolean {
  if (pace === undefined) return false;
  const nextAtUs = queue.rests.paceOf(key);
  const nowUs = queue.nowMs() * 1_000;
  const inMs = startsInMs(pace, nextAtUs, nowUs);
  if (inMs > 0) {
    rest(queue, key, inMs);
    return true;
  }
  const ahead = aheadUs(pace, nextAtUs, nowUs);
  queue.rests.setPace(key, nowUs + ahead + pace.intervalUs, nowUs);
  return false;
}

/**
 * Lets keys go on whose rest is over, or a part of them; none while the queue is paused or slowed down. Returns how many ms
 * later the next one may go on: 0 if more may now, undefined if no key rests.
 */
export function endRests(queue: StoredQueue): number | undefined {
  const { rests } = queue;
  // Not that at which the command began: some may have begun since.
  const nowMs = queue.nowMs();
  const over = rests.over(nowMs);
  const isStill = queue.isPaused || queue.slowedFor(nowMs) > 0;
  for (const key of isStill ? [] : over.slice(0, MOST_GOING_ON)) endRest(queue, key);
  if (!isStill && over.length > MOST_GOING_ON) return 0;
  const { nextMs } = rests;
  return nextMs === undefined || nextMs <= nowMs ? undefined : nextMs - nowMs;
}

/** The key goes on. */
export function endRest(queue: StoredQueue, key: string): void {
  if (queue.rests.end(key)) goOn(queue, key, queue.lanes.out.get(key) ?? 0);
}

/** Ends the rests of keys of which nothing waits: those that would end by themselves, or all. */
export function forgetRests(queue: StoredQueue, which: 'timed' | 'all'): void {
  for (const [key, { untilMs }] of queue.rests.all)
    if (queue.lanes.of(key).length === 0 && (which === 'all' || untilMs < Infinity))
      endRest(queue, key);
}
