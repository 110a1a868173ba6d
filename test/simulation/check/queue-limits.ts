import type { QueueLimit } from '../../../libs/redis-queue-transport/src/core/broker/limit.js';
import { idOf } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import type { QueuePlan } from '../scenario/scenario.js';

/** The news that a queue was slowed down, and what it sets off, may take so long. */
const NEWS_MS = 1_000;

/** What is asked of the rest of the run. */
export interface LimitedRun {
  violate(rule: string, what: string): void;
  /** Whether the handler that had this message last has asked to slow the queue down. */
  hasAskedToSlow(id: string): boolean;
}

/**
 * Whether the terms of one queue hold that are common to all processes: its limit, its bound, and the time for which a
 * handler has slowed it down. All of it is read from the lists, and none from what the engine counts.
 */
export class QueueLimits {
  /** What consumers held when it looked last. */
  #held: ReadonlySet<Buffer> = new Set();
  /** When messages were handed out, by Redis's clock, since that was set last. */
  #handedOutAtMs: number[] = [];
  #slowedUntilMs = 0;
  /** Those that have slowed it down, once each time. */
  readonly #slowing = new WeakSet<Buffer>();
  /** By the time of the run. */
  #slowedSinceMs = 0;

  constructor(
    private readonly plan: QueuePlan,
    private readonly run: LimitedRun,
  ) {}

  /** Times on both sides of a step cannot be compared; one back ends that the queue is slowed down. */
  clockWasSet(): void {
    this.#handedOutAtMs = [];
    this.#slowedUntilMs = 0;
  }

  /** To be called after each command. */
  look(queue: StoredQueue, nowMs: number, redisNowMs: number): void {
    const { limit } = this.plan;
    // Without one, a consumer that waits takes what comes, and gives it back when it hears that the queue was slowed down.
    if (limit !== undefined) this.#lookAtTaken(queue, redisNowMs, limit);
    this.#lookForSlowing(queue, nowMs, redisNowMs);
  }

  #lookAtTaken(queue: StoredQueue, redisNowMs: number, { running, rate, perMs }: QueueLimit): void {
    const held = new Set([...queue.processing.values()].flat());
    const newlyHeld = [...held].filter((element) => !this.#held.has(element));
    this.#held = held;
    if (running !== undefined) this.#checkRunning(queue, running);
    if (newlyHeld.length === 0) return;
    if (rate !== undefined) this.#checkRate(newlyHeld.length, redisNowMs, rate, perMs);
    if (this.#slowedUntilMs > redisNowMs)
      this.run.violate('slowed down', `${namesOf(newlyHeld)} was handed out meanwhile`);
  }

  /** What consumers hold that have not been taken back from. */
  #checkRunning({ consumers, processing }: StoredQueue, running: number): void {
    let sum = 0;
    for (const [consumer, held] of processing) if (consumers.has(consumer)) sum += held.length;
    if (sum > running) this.run.violate('limit', `${sum} are held, and ${running} may run`);
  }

  /** At most eleven tenths of the rate in any time, and no more than the rate if that is low. */
  #checkRate(count: number, redisNowMs: number, rate: number, perMs: number): void {
    const since = redisNowMs - perMs;
    const times = this.#handedOutAtMs.filter((atMs) => atMs > since);
    for (let more = count; more > 0; more -= 1) times.push(redisNowMs);
    this.#handedOutAtMs = times;
    const most = rate < 20 ? rate : Math.floor(rate * 1.1);
    if (times.length > most)
      this.run.violate('limit', `${times.length} were handed out in ${perMs} ms, and ${most} may`);
  }

  /** The message that slowed it down is delayed for as long. */
  #lookForSlowing({ delayed }: StoredQueue, nowMs: number, redisNowMs: number): void {
    if (delayed.length === 0) return;
    for (const { dueMs, element } of delayed.all) {
      if (this.#slowing.has(element)) continue;
      if (!this.run.hasAskedToSlow(idOf(element) ?? '?')) continue;
      this.#slowing.add(element);
      if (dueMs <= redisNowMs || dueMs <= this.#slowedUntilMs) continue;
      if (this.#slowedUntilMs <= redisNowMs) this.#slowedSinceMs = nowMs;
      this.#slowedUntilMs = dueMs;
    }
  }

  /** A handler begins now, in a process that nothing has happened to. */
  began(id: string, nowMs: number, redisNowMs: number): void {
    if (this.#slowedUntilMs > redisNowMs && nowMs > this.#slowedSinceMs + NEWS_MS)
      this.run.violate('slowed down', `${id} began long after that`);
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
export function lengthOf({ waiting, levels, suspects, delayed, lanes }: StoredQueue): number {
  const inLevels = [...levels.byLevel.values()].flat().length;
  return waiting.length + inLevels + suspects.length + delayed.length + lanes.all.length;
}

function namesOf(elements: readonly Buffer[]): string {
  return elements.map((element) => idOf(element) ?? '?').join(', ');
}
