import type { Lane, QueueLengths, QueueLook } from '../../core/admin/admin-broker.js';
import { LIMIT_TERMS, limitState } from '../../core/admin/limit-state.js';
import { sentAtOf } from '../../core/message/envelope.js';
import { countsByPriority } from '../../core/admin/order-of-waiting.js';
import { fillOf } from '../queue/bound.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { partsOfWaiting } from './waiting.js';

/** So much of an element holds any header that people write. */
const HEAD_BYTES = 4_096;
/** Nothing is shown of a larger element. */
const GIANT_BYTES = 1_048_576;

export function lengthsOf(queue: StoredQueue, nowMs: number): QueueLengths {
  const { expired, repeated, deadLettersDropped, copiesDropped } = queue.counts;
  const consumers = [...queue.consumers.keys(), ...queue.fenced.keys()];
  return {
    waiting: queue.waiting.length + queue.levels.waiting,
    byPriority: countsByPriority(partsOfWaiting(queue)),
    inLanes: queue.lanes.waiting,
    unkeyed: queue.unkeyed.length,
    suspects: queue.suspects.length,
    processing: consumers.reduce((sum, consumer) => sum + queue.heldBy(consumer).length, 0),
    delayed: queue.delayed.length,
    dead: queue.dead.length,
    consumers: queue.consumers.size,
    isPaused: queue.isPaused,
    expired,
    repeated,
    deadLettersDropped,
    copiesDropped,
    ...limitState(
      LIMIT_TERMS.map((name) => queue.terms.get(name)),
      {
        length: fillOf(queue).length,
        slowedMs: queue.slowedFor(nowMs),
        nextAtUs: queue.nextAtPaceUs ?? 0,
        nowUs: nowMs * 1_000,
      },
    ),
  };
}

export function lookAt(name: string, queue: StoredQueue, nowMs: number): QueueLook {
  const consumers = [...queue.consumers.keys()];
  return {
    ...lengthsOf(queue, nowMs),
    queue: name,
    processing: consumers.reduce((sum, consumer) => sum + queue.heldBy(consumer).length, 0),
    ...firstOnes(queue),
    nowMs,
  };
}

function firstOnes({
  waiting,
  levels,
  lanes,
}: StoredQueue): Pick<QueueLook, 'lanes' | 'longestLane' | 'oldestSentAtMs'> {
  const all = [...lanes.byKey.values()];
  const firsts = [waiting.at(0), ...[...levels.byLevel.values(), ...all].map(([first]) => first)];
  const sent = firsts.flatMap((first) => sentAtOf(headOf(first)) ?? []);
  return {
    lanes: all.length,
    longestLane: Math.max(0, ...all.map(({ length }) => length)),
    oldestSentAtMs: sent.length === 0 ? undefined : Math.min(...sent),
  };
}

/** The longest first, and behind them paused keys of which none waits. */
export function lanesOf({ lanes, rests }: StoredQueue, count: number): readonly Lane[] {
  const paused = [...rests.all].filter(([, { untilMs }]) => untilMs === Infinity);
  return [...new Set([...lanes.byKey.keys(), ...paused.map(([key]) => key)])]
    .map((key) => ({
      key,
      out: lanes.out.get(key) ?? 0,
      waiting: lanes.of(key).length,
      restsUntilMs: rests.all.get(key)?.untilMs,
      head: headOf(lanes.of(key)[0]),
    }))
    .sort((a, b) => b.waiting - a.waiting)
    .slice(0, count);
}

function headOf(first: Buffer | undefined): Buffer {
  if (first === undefined || first.length > GIANT_BYTES) return Buffer.alloc(0);
  return Buffer.from(first.subarray(0, HEAD_BYTES));
}
