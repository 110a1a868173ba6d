import { ConsumerParts } from './consumer-parts.js';
import type { ConsumerBroker, ConsumerOptions } from './consumer-parts.js';
import { CALM_EXCHANGE_MS } from './consumer-state.js';
import { viewOf } from './consumer-view.js';
import type { DeliveryRunner } from '../delivery/delivery-runner.js';
import { messageOf } from '../errors/message-of.js';
import type { LostLease, RefusedQueue, SlowedQueue } from '../broker/health.js';
import type { RedisQueueObserver } from '../lifecycle/observer.js';
import type { MessageIds } from '../message/message-id.js';
import { nextStep } from './next-step.js';
import type { Tenure } from '../lease/tenure.js';
import type { TrialTurn } from './trial.js';
import type { Immediate, Runtime, Timer } from '../process/runtime.js';

/** Time for the last settlements at a stop, after the time for the handlers. */
const SETTLE_GRACE_MS = 2_000;

/**
 * Consumes one queue in one process.
 *
 * At most one exchange and one wait run at any time. The exchange settles what has ended and fills the free slots.
 * Deliveries that end meanwhile are settled by the next one. If an exchange finds the queue empty, the consumer waits
 * for one message. Every event leads to `#schedule`, and {@link nextStep} decides what to do.
 *
 * Messages that were running when a process died (suspects) are run separately, in a trial: see {@link Trial}.
 */
export class Consumer {
  readonly #parts: ConsumerParts;
  readonly #stopped = new AbortController();
  #isStepScheduled = false;
  #turn: Immediate | undefined;
  /** Settlements gather until it fires. */
  #settleTimer: Timer | undefined;
  /** The deadline of the current phase of a stop. */
  #deadline: Timer | undefined;
  #isOverdue = false;
  #isPaused = false;
  #stopping: Promise<void> | undefined;
  #onLeft: () => void = () => undefined;

  constructor(
    broker: ConsumerBroker,
    private readonly options: ConsumerOptions,
    ids: MessageIds,
    runner: DeliveryRunner,
    private readonly observer: RedisQueueObserver,
    turn: TrialTurn,
    private readonly runtime: Runtime,
  ) {
    const about = [broker, options, ids, runner, observer, turn, runtime] as const;
    this.#parts = new ConsumerParts(...about, this.#stopped.signal, this.#schedule);
  }

  get queue(): string {
    return this.options.queue;
  }

  /** How many handlers run. */
  get running(): number {
    return this.#parts.held.running;
  }

  /** While nearly every attempt fails. */
  get slowed(): SlowedQueue | undefined {
    const slowdown = this.#parts.breaker.slowdown;
    if (slowdown === undefined) return undefined;
    const { sinceMs, error } = slowdown;
    return { queue: this.options.queue, sinceMs, lastError: messageOf(error) };
  }

  /** While Redis refuses its calls. */
  get refused(): RefusedQueue | undefined {
    const refusal = this.#parts.trouble.refusal;
    if (refusal === undefined) return undefined;
    const { sinceMs, error } = refusal;
    return { queue: this.options.queue, sinceMs, reply: error.reply, lastError: messageOf(error) };
  }

  /** While it has no lease after one that it lost. */
  get lostLease(): LostLease | undefined {
    const { lostForMs } = this.#parts.membership;
    return lostForMs === undefined ? undefined : { queue: this.options.queue, sinceMs: lostForMs };
  }

  /** Joins the queue and starts consuming. Rejects if Redis cannot be reached. Call it once. */
  async start(): Promise<void> {
    const { membership, state } = this.#parts;
    await membership.join();
    // Stopped or drained while joining: leave again.
    if (state.phase !== 'new') return membership.leave();
    state.go('consuming');
    if (this.#isPaused) this.pause();
    this.#parts.keys?.look();
    this.#schedule();
  }

  /** Takes nothing until {@link resume}; running handlers go on. May be called at any time, and more than once. */
  pause(): void {
    const { state, time, taking, keys } = this.#parts;
    this.#isPaused = true;
    if (state.phase !== 'consuming') return;
    state.go('paused');
    time.giveUp();
    keys?.giveUp();
    taking.interrupt();
  }

  resume(): void {
    const { state, time, taking, keys } = this.#parts;
    this.#isPaused = false;
    if (state.phase !== 'paused') return;
    state.go('consuming');
    time.takeUp();
    keys?.look();
    taking.look();
  }

  /**
   * Takes nothing more; running handlers go on. May be called at any time; before the start, it prevents any taking.
   */
  drain(): void {
    const { state, membership, time, taking, keys } = this.#parts;
    const isNew = state.phase === 'new';
    if (!isNew && state.phase !== 'consuming' && state.phase !== 'paused') return;
    state.go('draining');
    if (isNew) return;
    membership.keepLast();
    time.giveUp();
    keys?.giveUp();
    taking.interrupt();
  }

  /**
   * Drains, lets handlers run until the deadline, then hands back the rest and leaves the queue. If Redis is away,
   * other consumers reclaim what could not be settled when the lease ends. May be called twice.
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const { state } = this.#parts;
    if (state.phase === 'new') return state.go('left');
    this.drain();
    state.go('stopping');
    this.#beginDeadline(deadlineMs);
    return new Promise((resolve) => {
      this.#onLeft = resolve;
      this.#schedule();
    });
  }

  #beginDeadline(ms: number): void {
    this.runtime.clearTimeout(this.#deadline);
    this.#isOverdue = false;
    this.#deadline = this.runtime.setTimeout(() => {
      this.#isOverdue = true;
      this.#schedule();
    }, ms);
  }

  #handBack(): void {
    this.#parts.state.go('handingBack');
    const unfinished = this.#parts.deliveries.releaseUnfinished();
    const { queue } = this.options;
    if (unfinished > 0) this.observer.handedBack?.({ queue, deliveries: unfinished });
    // After the deadline: handlers that used up the time must not cut off settlements.
    this.#beginDeadline(SETTLE_GRACE_MS);
  }

  async #leave(): Promise<void> {
    const { state, time, breaker, membership, holdback } = this.#parts;
    state.go('left');
    this.#stopped.abort();
    this.#parts.endTrial();
    time.stop();
    holdback.told(undefined);
    breaker.stop();
    this.runtime.clearTimeout(this.#settleTimer);
    this.runtime.clearTimeout(this.#deadline);
    await membership.leave();
    this.#onLeft();
  }

  /** Combines everything that happens in one turn of the event loop into one step. */
  readonly #schedule = (): void => {
    if (this.#isStepScheduled) return;
    this.#isStepScheduled = true;
    process.nextTick(this.#stepNow);
  };

  readonly #stepNow = (): void => {
    this.#isStepScheduled = false;
    this.#step();
  };

  #step(): void {
    const { membership, deliveries, state, held } = this.#parts;
    const { tenure } = membership;
    deliveries.beginStep();
    // First, so that handlers start while Redis works on it.
    this.#act(tenure);
    if (tenure !== undefined) deliveries.startReady(tenure);
    if (!state.isExchanging && !deliveries.isStepUsedUp) held.releasePlaces();
  }

  #act(tenure: Tenure | undefined): void {
    const { taking } = this.#parts;
    const view = viewOf(this.#parts, this.#isOverdue);
    switch (nextStep(view)) {
      case 'handBack':
        return this.#handBack();
      case 'leave':
        return void this.#leave();
      case 'exchange':
        return void taking.exchange(tenure, view.free);
      case 'exchangeAside':
        return void taking.exchange(tenure, 0, view.trialStep);
      case 'wait':
        return void taking.wait(tenure);
      case 'gatherAndWait':
        this.#settleSoon();
        return void taking.wait(tenure);
      case 'gather':
        return this.#settleSoon();
      case 'endTurn':
        return this.#stepAfterThisTurn();
      case 'rest':
        return;
    }
  }

  #settleSoon(): void {
    this.#settleTimer ??= this.runtime.setTimeout(() => {
      this.#settleTimer = undefined;
      this.#schedule();
    }, CALM_EXCHANGE_MS);
  }

  #stepAfterThisTurn(): void {
    if (this.#turn !== undefined) return;
    this.#turn = this.runtime.setImmediate(() => {
      this.#turn = undefined;
      this.#parts.deliveries.endTurn();
      this.#step();
    });
  }
}
