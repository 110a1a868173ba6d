import type { ExchangeAnswer } from '../../../libs/redis-queue-transport/src/memory/lease/exchange.js';
import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import type { MessagePlan, QueuePlan } from '../scenario/scenario.js';
import { KeyOrder } from './key-order.js';
import { KeyTurns } from './key-turns.js';
import { LevelOrder } from './level-order.js';
import { QueueLimits } from './queue-limits.js';
import type { SlowDowns } from './slow-downs.js';
import type { WatchedRun } from './watched-run.js';

/** What is checked of one queue after each command, as far as its messages and terms need it. */
export class QueueWatch {
  readonly #order: KeyOrder | undefined;
  readonly #turns: KeyTurns | undefined;
  readonly #limits: QueueLimits | undefined;
  readonly #levels: LevelOrder | undefined;

  constructor(plan: QueuePlan, messages: readonly MessagePlan[], run: WatchedRun) {
    const own = messages.filter(({ queue }) => queue === plan.name);
    if (own.some(({ key, dataKey }) => (key ?? dataKey) !== undefined)) {
      this.#order = new KeyOrder((id) => run.dataKeyOf(id));
      this.#turns = new KeyTurns(plan, run);
    }
    if (hasLimits(plan, own)) this.#limits = new QueueLimits(plan, run);
    if (own.some(({ priority }) => priority !== undefined)) this.#levels = new LevelOrder(run);
  }

  get hasLimits(): boolean {
    return this.#limits !== undefined;
  }

  clockWasSet(): void {
    this.#limits?.clockWasSet();
    this.#turns?.clockWasSet();
  }

  /** The replica has become the primary: the queue is what it has. */
  tookOver(queue: StoredQueue): void {
    this.#order?.tookOver();
    if (this.#order !== undefined) this.#turns?.tookOver(queue, this.#order.look(queue));
    this.#limits?.tookOver(queue);
    this.#levels?.tookOver(queue);
  }

  /** An administrator has paused or resumed a key; that is looked at next. */
  setKeyPaused(key: string, isPaused: boolean): void {
    this.#turns?.setPaused(key, isPaused);
  }

  /** An exchange has taken these; that is looked at next. */
  took(queue: StoredQueue, taken: ExchangeAnswer['taken']): void {
    this.#levels?.took(queue, taken);
  }

  /** To be called after each command. */
  look(queue: StoredQueue, nowMs: number, redisNowMs: number): void {
    if (this.#order !== undefined) {
      const out = this.#order.look(queue);
      this.#turns?.look(queue, out, redisNowMs);
    }
    this.#levels?.look(queue);
    this.lookAtLimits(queue, nowMs, redisNowMs);
  }

  /** To be called after what was taken by waits. */
  lookAtLimits(queue: StoredQueue, nowMs: number, redisNowMs: number): void {
    this.#limits?.look(queue, nowMs, redisNowMs);
  }

  /** Messages of a key that came before this one and are not settled for good. */
  before(key: string, id: string): readonly string[] {
    return this.#order?.before(key, id) ?? [];
  }

  /** What is known of those who slow the queue down; undefined if nobody does. */
  get slowDowns(): SlowDowns | undefined {
    return this.#limits?.slowDowns;
  }

  /** A sender has called: there were so many before, and none came from elsewhere. */
  checkBound(before: number, queue: StoredQueue): void {
    this.#limits?.checkBound(before, queue);
  }
}

function hasLimits({ limit, maxLength }: QueuePlan, own: readonly MessagePlan[]): boolean {
  const slows = ({ steps }: MessagePlan): boolean =>
    steps.some((step) => step.does === 'slowDown' && step.of === 'queue');
  return limit !== undefined || maxLength !== undefined || own.some(slows);
}
