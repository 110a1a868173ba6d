import { performance } from 'node:perf_hooks';
import { Breaker } from './breaker.js';
import type {
  Broker,
  Exchange,
  Lease,
  SubscriptionTerms,
  TimeStep,
  TrialStep,
  WakeNews,
} from '../broker/broker.js';
import type { DeliveryRunner } from '../delivery/delivery-runner.js';
import { messageOf } from '../errors/errors.js';
import type { SlowedQueue } from '../broker/health.js';
import { HeldDeliveries } from './held-deliveries.js';
import type { DeliveryObserver, HeldDeliveriesOptions, Holder } from './held-deliveries.js';
import { Membership } from '../lease/membership.js';
import type { MessageIds } from '../message/message-id.js';
import { GrowingPause, pause } from '../process/pause.js';
import { StartGate } from '../lease/start-gate.js';
import type { Tenure } from '../lease/tenure.js';
import { Trial } from './trial.js';
import type { TrialTurn, TrialView } from './trial.js';

export interface ConsumerOptions extends HeldDeliveriesOptions {
  readonly leaseMs: number;
  readonly deadLetterLimit: number | undefined;
  readonly deadLetterMaxAgeMs: number;
  /** The queue takes a group's events. */
  readonly subscription?: SubscriptionTerms | undefined;
}

/** Is told what people should know. Must not throw. */
export interface ConsumerObserver extends DeliveryObserver {
  /** A call to Redis failed; it is tried again after a pause. */
  failed(error: unknown): void;
  /** The first call that worked after failures. */
  recovered(): void;
  leaseLost(deliveries: number): void;
  /** Nearly every attempt fails, the last one with this error: only a few are taken until they succeed. */
  slowed(error: unknown): void;
  /** Attempts succeed again, after so many ms. */
  spedUp(slowedMs: number): void;
  reclaimed(consumer: string, deliveries: number): void;
  /** A bound of the dead letters has bitten: so many are gone for good. */
  deadLettersDropped(letters: number): void;
  /** At a stop: so many still ran when their time was over. */
  handedBack(deliveries: number): void;
  /** Settlements found nothing to settle, although the lease holds. */
  missing(deliveries: number): void;
}

type State = 'new' | 'consuming' | 'draining' | 'stopped';

/** Longest time that an idle consumer blocks in one call. */
const LONGEST_WAIT_MS = 5_000;

/**
 * How much later than the one that keeps the time the others look for what is due, should it be gone or stand still: so
 * that what a delayed message costs does not grow with the number of consumers.
 */
const LEAST_BEHIND_MS = 10_000;
const MOST_BEHIND_MS = 20_000;

/** While a queue is quiet, no more than one exchange in so many ms. */
const CALM_EXCHANGE_MS = 2;

/** What Node's timers can take. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Time for the last settlements at a stop, beyond what the handlers got. */
const SETTLE_GRACE_MS = 2_000;

/**
 * Takes from one queue in one process.
 *
 * At most one exchange and at most one wait are under way at any time. The exchange settles what has finished and
 * fills the free slots; what finishes meanwhile goes with the next one. When an exchange finds the queue empty, the
 * consumer waits for one message. Everything that happens ends in `#schedule`, and `#step` decides what is next.
 *
 * Messages that were found running when a process died (suspects) are run apart, in a trial: see {@link Trial}.
 */
export class Consumer {
  #state: State = 'new';
  readonly #membership: Membership;
  readonly #gate: StartGate;
  readonly #held: HeldDeliveries;
  readonly #trial: Trial;
  readonly #breaker: Breaker;
  #isStepScheduled = false;
  #turn: NodeJS.Immediate | undefined;
  #isExchanging = false;
  /** Ends the wait that is under way. */
  #waiting: AbortController | undefined;
  /** Serves wait after wait until it fires: making one is a good part of what a wait in vain costs. */
  #waitEnder = new AbortController();
  /** An exchange is worth while although nothing finished. */
  #mustLook = true;
  #isPaused = false;
  /**
   * Exchanges in a row that found nothing. With two of them the queue is quiet: messages come one by one. (After one,
   * callers that all wait for their replies may go on together.)
   */
  #inVain = 0;
  /** When an exchange was made last beside no wait: only that shows whether the list holds more than is known. */
  #checkedAt = 0;
  #exchangedAt = 0;
  #settleTimer: NodeJS.Timeout | undefined;
  #hasFailed = false;
  /** For the next delayed message, or the next look at a paused queue. */
  #lookTimer: NodeJS.Timeout | undefined;
  /** When that look is due, by `performance.now()`. */
  #lookAt = Infinity;
  /** It sees to it that what is due is handed out in time, by whichever consumer. */
  #isTimekeeper = false;
  /** Something is due, which others may take although this consumer has no place for it. */
  #mustRelease = false;
  /** What is due first of that of which it was told since the last exchange began: Redis time in ms. */
  #heardDueMs = Infinity;
  /** What the next exchange is to do about that: find out whether somebody keeps the time, or leave it to others. */
  #timeStep: TimeStep | undefined = 'keep';
  readonly #waitMs: number;
  readonly #exchangePause = new GrowingPause();
  readonly #waitPause = new GrowingPause();
  readonly #stopped = new AbortController();
  #changed: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    private readonly broker: Broker,
    private readonly options: ConsumerOptions,
    ids: MessageIds,
    runner: DeliveryRunner,
    private readonly observer: ConsumerObserver,
    turn: TrialTurn,
  ) {
    this.#trial = new Trial(turn, () => this.#schedule());
    this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.floor(options.leaseMs / 3));
    this.#breaker = new Breaker(options.concurrency, {
      limited: (limit) => this.#limit(limit),
      slowed: (error) => observer.slowed(error),
      recovered: (slowedMs) => observer.spedUp(slowedMs),
    });
    this.#membership = new Membership(() => this.#takeLease(), options.leaseMs, {
      lost: (tenure) => this.#onLost(tenure),
      rejoined: () => this.#look(),
      reclaimed: (consumer, deliveries) => observer.reclaimed(consumer, deliveries),
      deadLettersDropped: (letters) => observer.deadLettersDropped(letters),
      failed: (error) => this.#report(error),
    });
    this.#gate = new StartGate(this.#membership, options.leaseMs, () => this.#schedule());
    const holder = this.#holder();
    this.#held = new HeldDeliveries(broker, options, ids, runner, observer, holder, this.#breaker);
  }

  #holder(): Holder {
    const isConsuming = (): boolean => this.#state === 'consuming';
    return {
      get isConsuming() {
        return isConsuming();
      },
      gate: this.#gate,
      stopped: this.#stopped.signal,
      changed: () => this.#schedule(),
      failed: (error) => this.#report(error),
    };
  }

  /** While nearly every attempt fails. */
  get slowed(): SlowedQueue | undefined {
    const slowdown = this.#breaker.slowdown;
    if (slowdown === undefined) return undefined;
    const { sinceMs, error } = slowdown;
    return { queue: this.options.queue, sinceMs, lastError: messageOf(error) };
  }

  #limit(most: number): void {
    this.#held.limit(most);
    if (most === 0) this.#waiting?.abort();
    else this.#look();
  }

  get queue(): string {
    return this.options.queue;
  }

  /** How many handlers run. */
  get running(): number {
    return this.#held.running;
  }

  /** Joins the queue and begins to take. Rejects when Redis cannot be reached. To be called once. */
  async start(): Promise<void> {
    await this.#membership.join();
    // Stopped or drained while it was joining: what #stop could not see yet is undone here.
    if (this.#state !== 'new') return this.#membership.leave();
    this.#state = 'consuming';
    this.#schedule();
  }

  /** Takes nothing more; what runs goes on. May be called at any time: before it has started, it never takes anything. */
  drain(): void {
    if (this.#state === 'new') this.#state = 'draining';
    else if (this.#state === 'consuming') this.#drain();
  }

  #drain(): void {
    this.#state = 'draining';
    this.#membership.keepLast();
    this.#timeStep = this.#isTimekeeper ? 'yield' : undefined;
    this.#waiting?.abort();
    this.#held.releaseUnstarted();
  }

  /**
   * Drains, gives running handlers until the deadline, then hands back what is left and leaves the queue. What could
   * not be settled because Redis is away is reclaimed by others when the lease ends. May be called twice.
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    if (this.#state === 'new') {
      this.#state = 'stopped';
      return;
    }
    this.drain();
    await this.#until(() => this.#held.running === 0 && this.#waiting === undefined, deadlineMs);
    const unfinished = this.#held.releaseUnfinished();
    if (unfinished > 0) this.observer.handedBack(unfinished);
    // Beyond the deadline: settlements must not be cut off by handlers that used up the time.
    await this.#until(() => !this.#held.hasFinished && !this.#isExchanging, SETTLE_GRACE_MS);
    this.#state = 'stopped';
    this.#stopped.abort();
    this.#trial.end();
    clearTimeout(this.#lookTimer);
    clearTimeout(this.#settleTimer);
    this.#breaker.stop();
    await this.#membership.leave();
  }

  #takeLease(): Promise<Lease> {
    const { queue, leaseMs, deadLetterLimit, deadLetterMaxAgeMs, onceMs = 0 } = this.options;
    const { subscription } = this.options;
    const dead = { deadLetterLimit, deadLetterMaxAgeMs };
    const terms = { leaseMs, ...dead, onceMs, waitMs: this.#waitMs, subscription };
    return this.broker.join(queue, terms, (news) => this.#hear(news));
  }

  #hear(news: WakeNews): void {
    if (typeof news === 'number') return this.#hearDue(news);
    if (news === 'paused') this.#followPause(true);
    this.#lookAround();
  }

  #hearDue(dueMs: number): void {
    this.#heardDueMs = Math.min(this.#heardDueMs, dueMs);
    this.#lookIn(dueMs - this.broker.nowMs());
  }

  /** Looks, and finds out whether somebody keeps the time. */
  #lookAround(): void {
    if (!this.#isTimekeeper) this.#timeStep = 'keep';
    this.#look();
  }

  #look(): void {
    this.#mustLook = true;
    this.#schedule();
  }

  /** Gathers everything that happens in one turn of the event loop into one step. */
  #schedule(): void {
    this.#changed?.();
    if (this.#isStepScheduled) return;
    this.#isStepScheduled = true;
    process.nextTick(() => {
      this.#isStepScheduled = false;
      this.#step();
    });
  }

  #step(): void {
    const { tenure } = this.#membership;
    if (tenure === undefined || this.#state === 'stopped') return this.#held.releasePlaces();
    this.#held.beginStep();
    // First: while Redis works on it, more is started.
    if (!this.#isExchanging) this.#goOn(tenure);
    this.#held.startReady(tenure);
    if (!this.#isExchanging) this.#held.releasePlaces();
  }

  #goOn(tenure: Tenure): void {
    const step = this.#trial.isIdle ? undefined : this.#trial.step(this.#trialView());
    if (step !== undefined || this.#timeStep === 'yield')
      return void this.#exchange(tenure, 0, step);
    const free = this.#freeSlots();
    const mayLook =
      this.#mustLook &&
      this.#state === 'consuming' &&
      (free > 0 || this.#waiting !== undefined || this.#mustRelease);
    if (this.#held.hasFinished) this.#settleAndGoOn(tenure, free);
    else if (this.#held.hasJustBegun) this.#stepAfterThisTurn();
    else if (mayLook) void this.#exchange(tenure, free);
    else if (free > 0 && !this.#isPaused && this.#waiting === undefined) void this.#wait(tenure);
  }

  /** While the queue is quiet, messages that follow each other quickly come by waits, and are settled together. */
  #settleAndGoOn(tenure: Tenure, free: number): void {
    // One that runs one at a time also settles one at a time.
    const canWait = free >= 2 || this.#waiting !== undefined;
    if (!canWait || !this.#maySettleLater) return void this.#exchange(tenure, free);
    this.#settleTimer ??= setTimeout(() => this.#settleNow(), CALM_EXCHANGE_MS);
    if (this.#waiting === undefined) void this.#wait(tenure);
  }

  get #maySettleLater(): boolean {
    if (this.#inVain < 2 || this.#isPaused || this.#state !== 'consuming') return false;
    // An id must be known as handled before its next message comes.
    if (this.options.onceMs !== undefined) return false;
    return performance.now() - this.#exchangedAt < CALM_EXCHANGE_MS;
  }

  #settleNow(): void {
    this.#settleTimer = undefined;
    this.#schedule();
  }

  /** What began in this turn may end in it: then one exchange settles and takes, where there would be two and a wait. */
  #stepAfterThisTurn(): void {
    if (this.#turn !== undefined) return;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#held.endTurn();
      this.#step();
    });
  }

  /** Slots that an exchange may fill; the one that a wait may fill is not among them. */
  #freeSlots(): number {
    if (this.#state !== 'consuming' || this.#waiting !== undefined || this.#trial.isOn) return 0;
    return this.#held.reserve();
  }

  #trialView(): TrialView {
    const { isEmpty, hasPlace, isTesting } = this.#held;
    const isConsuming = this.#state === 'consuming' && !this.#isPaused;
    return { isConsuming, isEmpty, hasPlace, isTesting };
  }

  async #exchange(tenure: Tenure, take: number, trial?: TrialStep): Promise<void> {
    const settlements = this.#held.takeFinished();
    const step = trial ?? (this.#state === 'consuming' ? this.#trial.passingStep : undefined);
    this.#isExchanging = true;
    this.#exchangedAt = performance.now();
    this.#mustLook = false;
    this.#mustRelease = false;
    this.#heardDueMs = Infinity;
    const timeStep = this.#timeStep;
    this.#timeStep = undefined;
    try {
      const exchange = await tenure.lease.exchange(settlements, take, step, timeStep);
      this.#succeed(this.#exchangePause);
      if (exchange === 'leaseLost') return this.#membership.lose(tenure);
      if (exchange.taken.length > 0 && !tenure.isSure) await tenure.makeSure();
      if (tenure.isOver) return;
      if (timeStep !== undefined) this.#isTimekeeper = exchange.isTimekeeper;
      this.#takeIn(tenure, exchange, take, trial);
    } catch (error) {
      this.#timeStep ??= timeStep;
      this.#trial.failed();
      // Whether it was executed or not, giving the same settlements again is right.
      if (!tenure.isOver) this.#held.putBack(settlements);
      this.#mustLook = true;
      this.#inVain = 0;
      this.#report(error);
      await this.#exchangePause.wait(this.#stopped.signal);
    } finally {
      this.#isExchanging = false;
      this.#schedule();
    }
  }

  #takeIn(tenure: Tenure, exchange: Exchange, take: number, trial: TrialStep | undefined): void {
    if (exchange.missing > 0) this.observer.missing(exchange.missing);
    // What was told meanwhile may be a pause, of which this answer does not know: the next one does.
    if (exchange.isPaused || !this.#mustLook) this.#followPause(exchange.isPaused);
    // A full answer means that there may be more.
    if (take > 0 && (exchange.taken.length === take || exchange.isCut)) this.#mustLook = true;
    this.#followTrial(exchange);
    if (this.#waiting === undefined) this.#checkedAt = performance.now();
    if (take > 0) this.#inVain = exchange.taken.length === 0 ? this.#inVain + 1 : 0;
    this.#lookAgainIn(exchange.dueInMs);
    if (trial === 'next') this.#takeUpSuspect(tenure, exchange.taken);
    else this.#takeUp(tenure, exchange.taken);
  }

  /** At the beginning of a trial what has not begun goes back, and nothing more comes. */
  #followTrial({ suspects }: Exchange): void {
    const wasOn = this.#trial.isOn;
    if (suspects !== 'none' || !this.#trial.isIdle) this.#trial.told(suspects);
    if (this.#trial.isOn === wasOn) return;
    if (wasOn) return this.#look();
    this.#waiting?.abort();
    this.#held.releaseUnstarted();
  }

  #followPause(isPaused: boolean): void {
    if (isPaused && !this.#isPaused) {
      this.#waiting?.abort();
      this.#held.releaseUnstarted();
    }
    this.#isPaused = isPaused;
  }

  #lookAgainIn(dueInMs: number | undefined): void {
    this.#lookAt = Infinity;
    if (this.#isPaused) this.#lookIn(this.#waitMs);
    else if (dueInMs !== undefined) this.#lookIn(dueInMs + this.#behindMs());
    else clearTimeout(this.#lookTimer);
    // It was told while the exchange was under way, which may not know of it.
    if (this.#heardDueMs !== Infinity) this.#lookIn(this.#heardDueMs - this.broker.nowMs());
  }

  #behindMs(): number {
    if (this.#isTimekeeper) return 0;
    return LEAST_BEHIND_MS + Math.random() * (MOST_BEHIND_MS - LEAST_BEHIND_MS);
  }

  /** Or sooner, where that was planned before. */
  #lookIn(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#lookAt || this.#state !== 'consuming') return;
    this.#lookAt = at;
    clearTimeout(this.#lookTimer);
    const inMs = Math.min(Math.max(0, ms), LONGEST_TIMER_MS);
    this.#lookTimer = setTimeout(() => {
      this.#lookAt = Infinity;
      this.#mustRelease = this.#isTimekeeper;
      this.#lookAround();
    }, inMs);
  }

  get #isCheckDue(): boolean {
    return performance.now() - this.#checkedAt > this.options.leaseMs;
  }

  async #wait(tenure: Tenure): Promise<void> {
    if (this.#waitEnder.signal.aborted) this.#waitEnder = new AbortController();
    this.#waiting = this.#waitEnder;
    let isOverInVain = false;
    try {
      const element = await tenure.lease.wait(this.#waitEnder.signal);
      this.#succeed(this.#waitPause);
      if (element === 'leaseLost') return this.#membership.lose(tenure);
      isOverInVain = element === undefined;
      if (element === undefined) return;
      if (!tenure.isSure) await tenure.makeSure();
      if (tenure.isOver) return;
      this.#takeUp(tenure, [element]);
    } catch (error) {
      this.#inVain = 0;
      this.#report(error);
      await this.#waitPause.wait(this.#stopped.signal);
    } finally {
      this.#waiting = undefined;
      // Nothing came: it waits again, and only now and then looks whether it missed something.
      if (!isOverInVain) this.#look();
      else if (this.#isCheckDue) this.#lookAround();
      else this.#schedule();
    }
  }

  #takeUp(tenure: Tenure, elements: readonly Buffer[]): void {
    this.#held.add(elements);
    const isBarred = this.#isPaused || this.#trial.isOn || this.#held.isBarred;
    if (this.#state !== 'consuming' || isBarred) this.#held.releaseUnstarted();
    else this.#held.startReady(tenure);
  }

  #takeUpSuspect(tenure: Tenure, elements: readonly Buffer[]): void {
    for (const element of elements) {
      if (this.#state === 'consuming' && !this.#isPaused) this.#held.startSuspect(tenure, element);
      else this.#held.release(element);
    }
  }

  #onLost(tenure: Tenure): void {
    this.#waiting?.abort();
    this.#trial.end();
    this.#isTimekeeper = false;
    this.#timeStep = 'keep';
    this.observer.leaseLost(this.#held.lose(tenure));
  }

  #report(error: unknown): void {
    this.#hasFailed = true;
    this.observer.failed(error);
  }

  #succeed(growing: GrowingPause): void {
    growing.reset();
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    this.observer.recovered();
  }

  /** Resolves when the condition holds, or after the time. */
  async #until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const over = new AbortController();
    const deadline = pause(timeoutMs, over.signal).then(() => 'deadline' as const);
    while (!condition()) {
      const change = new Promise<'change'>((resolve) => {
        this.#changed = () => resolve('change');
      });
      if ((await Promise.race([change, deadline])) === 'deadline') break;
    }
    over.abort();
  }
}
