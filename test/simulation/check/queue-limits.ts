import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import type { QueuePlan } from '../scenario/scenario.js';
import { RateWindow } from './rate-window.js';
import { SlowDowns } from './slow-downs.js';
import type { WatchedRun } from './watched-run.js';

/**
 * Whether the terms of one queue hold that are common to all processes: its limit, its bound, and the time for which a
 * handler has slowed it down. All of it is read from the lists, and none from what the engine counts.
 */
export class QueueLimits {
  /** What consumers held when it looked last. */
  #held: ReadonlySet<Buffer> = new Set();
  /** What was handed out, by Redis's clock, since that was set last. */
  readonly #handedOut: RateWindow | undefined;
  readonly slowDowns: SlowDowns;

  constructor(
    private readonly plan: QueuePlan,
    private readonly run: WatchedRun,
  ) {
    const { rate, perMs = 0 } = plan.limit ?? {};
    this.#handedOut = rate === undefined ? undefined : new RateWindow(rate, perMs);
    this.slowDowns = new SlowDowns(run);
  }

  clockWasSet(): void {
    this.#handedOut?.clear();
    this.slowDowns.clockWasSet();
  }

  /** The replica has become the primary. What its consumers hold was handed out before. */
  tookOver(queue: StoredQueue): void {
    this.#held = new Set([...queue.processing.values()].flat());
    this.#handedOut?.clear();
    this.slowDowns.tookOver(queue);
  }

  /** To be called after each command. */
  look(queue: StoredQueue, nowMs: number, redisNowMs: number): void {
    const { limit } = this.plan;
    // Without one, a consumer that waits takes what comes, and gives it back when it hears that the queue was slowed down.
    if (limit !== undefined) this.#lookAtTaken(queue, redisNowMs, limit.running);
    this.slowDowns.look(queue, nowMs, redisNowMs);
  }

  #lookAtTaken(queue: StoredQueue, redisNowMs: number, running: number | undefined): void {
    const held = new Set([...queue.processing.values()].flat());
    const newlyHeld = [...held].filter((element) => !this.#held.has(element));
    this.#held = held;
    if (running !== undefined) this.#checkRunning(queue, running);
    if (newlyHeld.length === 0) return;
    const excess = this.#handedOut?.add(newlyHeld.length, redisNowMs);
    if (excess !== undefined) this.run.violate('limit', excess);
    if (this.slowDowns.untilMs > redisNowMs)
      this.run.violate('slowed down', `${namesOf(newlyHeld)} was handed out meanwhile`);
  }

  /** What consumers hold that have not been taken back from. */
  #checkRunning({ consumers, processing }: StoredQueue, running: number): void {
    let sum = 0;
    for (const [consumer, held] of processing) if (consumers.has(consumer)) sum += held.length;
    if (sum > running) this.run.violate('limit', `${sum} are held, and ${running} may run`);
  }

  /** A sender has called: there were so many before, and none came from elsewhere. */
  checkBound(before: number, queue: StoredQueue): void {
    const bound = queue.terms.get('maxLength');
    const after = lengthOf(queue);
    if (bound === undefined || this.plan.maxLength === undefined || after <= before) return;
    if (after > this.plan.maxLength)
      this.run.violate('bound', `${after} wait, and ${this.plan.maxLength} may`);
  }
}

/** How many wait: all that no consumer holds. */
export function lengthOf(queue: StoredQueue): number {
  const { waiting, levels, suspects, delayed, lanes, unkeyed } = queue;
  const inLevels = [...levels.byLevel.values()].flat().length;
  const inFront = waiting.length + inLevels + suspects.length;
  return inFront + delayed.length + lanes.all.length + unkeyed.length;
}

function namesOf(elements: readonly Buffer[]): string {
  return elements.map((element) => idOf(element) ?? '?').join(', ');
}
