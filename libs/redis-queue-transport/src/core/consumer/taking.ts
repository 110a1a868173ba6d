import type { Exchange, TrialStep } from '../broker/lease.js';
import type { Limited } from '../broker/limit.js';
import type { ConsumerState } from './consumer-state.js';
import type { Deliveries } from '../held/deliveries.js';
import type { Held } from '../held/held.js';
import type { Holdback } from './holdback.js';
import { GrowingPause } from '../process/pause.js';
import type { Tenure } from '../lease/tenure.js';
import type { Timekeeping } from './timekeeping.js';
import type { Trial } from './trial.js';
import type { Trouble } from './trouble.js';
import type { Runtime } from '../process/runtime.js';

/** The parts of a consumer that are changed by its calls to Redis. */
export interface TakingParts {
  readonly state: ConsumerState;
  readonly held: Held;
  readonly deliveries: Deliveries;
  readonly trial: Trial;
  readonly time: Timekeeping;
  readonly holdback: Holdback;
  readonly trouble: Trouble;
  /** After how many ms at most an exchange has to show what the list holds. */
  readonly checkEveryMs: number;
  /** How often, in ms, a paused queue is checked. */
  readonly lookEveryMs: number;
  /** Fires at the end of the consumer. */
  readonly stopped: AbortSignal;
  readonly runtime: Runtime;
}

export interface TakingEvents {
  lost(tenure: Tenure): void;
  /** Settlements found nothing to settle although the lease holds. */
  missing(deliveries: number): void;
  /** A trial begins, or ends. */
  trial(isOn: boolean): void;
  /** A step may be due. */
  changed(): void;
}

/** The two calls by which a consumer takes from its queue, exchange and wait, and the effects of their results. */
export class Taking {
  readonly #exchangePause: GrowingPause;
  readonly #waitPause: GrowingPause;

  constructor(
    private readonly parts: TakingParts,
    private readonly events: TakingEvents,
  ) {
    this.#exchangePause = new GrowingPause(parts.runtime);
    this.#waitPause = new GrowingPause(parts.runtime);
  }

  /** Whether what was taken may start: its queue is consumed, and neither paused nor slowed down. */
  get mayStart(): boolean {
    const { state, holdback } = this.parts;
    return state.isConsuming && !state.isPaused && !holdback.isSlowed;
  }

  /** There may be something to take. */
  look(): void {
    this.parts.state.look();
    this.events.changed();
  }

  /** Makes the next exchange look for messages and for a timekeeper. */
  lookAround(): void {
    this.parts.time.askWhoKeeps();
    this.look();
  }

  /** Nothing may start for now: hands back deliveries that have not started, and ends the running wait. */
  interrupt(): void {
    this.parts.state.endWaitSoon();
    this.parts.deliveries.releaseUnstarted();
  }

  /** The queue was paused: news, ahead of any reply. */
  hearPause(): void {
    this.parts.state.hearPause();
    this.followPause(true);
  }

  /** The queue was slowed down: news, ahead of any reply. Nothing starts until an exchange that begins now has told more. */
  hearSlowDown(): void {
    this.parts.holdback.hearSlowDown();
    this.interrupt();
  }

  followPause(isPaused: boolean): void {
    if (this.parts.state.followPause(isPaused)) this.interrupt();
  }

  /** Settles what has ended, takes up to `take`, and performs the step that the trial needs. Never rejects. */
  async exchange(held: Tenure | undefined, take: number, trialStep?: TrialStep): Promise<void> {
    const { state, trial, time, holdback, trouble, stopped } = this.parts;
    const tenure = state.beginExchange(held);
    holdback.asks();
    const settlements = this.parts.held.takeSettlements();
    const asked = trialStep ?? this.#passingTrialStep;
    const timeStep = time.takeStep();
    try {
      const exchange = await tenure.lease.exchange(settlements, take, asked, timeStep);
      this.#exchangePause.reset();
      trouble.succeeded();
      if (exchange === 'leaseLost') return this.events.lost(tenure);
      this.parts.deliveries.settled(settlements);
      if (exchange.taken.length > 0 && !tenure.isSure) await tenure.makeSure();
      if (tenure.isOver) return;
      time.answered(timeStep, exchange.isTimekeeper);
      this.#takeIn(tenure, exchange, take, trialStep);
    } catch (error) {
      time.putBack(timeStep);
      holdback.notAnswered();
      trial.failed();
      // Sending the same settlements again is right, whether or not the call was executed.
      if (!tenure.isOver) this.parts.held.putBack(settlements);
      state.exchangeFailed();
      trouble.failed(error);
      await this.#exchangePause.wait(stopped);
    } finally {
      state.endExchange();
      this.events.changed();
    }
  }

  /** Nobody may run suspects while the queue is paused: one who claims them gives them up at once, which wakes all others. */
  get #passingTrialStep(): TrialStep | undefined {
    const { state, trial } = this.parts;
    return state.isConsuming && (trial.isOn || !state.isPaused) ? trial.passingStep : undefined;
  }

  #takeIn(tenure: Tenure, exchange: Exchange, take: number, step: TrialStep | undefined): void {
    const { state } = this.parts;
    const { taken, missing, isPaused } = exchange;
    if (missing > 0) this.events.missing(missing);
    // This reply does not know of a pause that was heard of meanwhile. The next one does.
    if (isPaused || !state.hasHeardPause) this.followPause(isPaused);
    this.#followTrial(exchange);
    // A call that asked for nothing does not tell of limits.
    if (take > 0 || exchange.limited !== undefined) this.#followLimit(exchange.limited);
    this.parts.holdback.answered();
    state.exchanged(take, taken.length, exchange.isCut);
    this.#planLook(exchange);
    if (step === 'next') this.#takeUpSuspect(tenure, taken);
    else this.#takeUp(tenure, taken);
  }

  /** When a trial begins, deliveries that have not started go back, and nothing more is taken. */
  #followTrial({ suspects }: Exchange): void {
    const { trial } = this.parts;
    const wasOn = trial.isOn;
    if (suspects !== 'none' || !trial.isIdle) trial.told(suspects);
    if (trial.isOn === wasOn) return;
    this.events.trial(trial.isOn);
    if (wasOn) this.look();
    else this.interrupt();
  }

  /** If the queue was slowed down, what has not started goes back, and a wait must not take anything. */
  #followLimit(limited: Limited | undefined): void {
    const { holdback } = this.parts;
    const wasSlowed = holdback.isSlowed;
    holdback.told(limited);
    if (holdback.isSlowed && !wasSlowed) this.interrupt();
  }

  #planLook({ dueInMs }: Exchange): void {
    const { state, time, lookEveryMs } = this.parts;
    if (state.isPaused) time.planLookIn(lookEveryMs);
    else time.planLook(dueInMs);
  }

  /** Waits for one message. Never rejects. */
  async wait(held: Tenure | undefined): Promise<void> {
    const { state, trouble, stopped } = this.parts;
    const [tenure, signal] = state.beginWait(held);
    let goOn = (): void => this.look();
    try {
      const element = await tenure.lease.wait(signal);
      this.#waitPause.reset();
      trouble.succeeded();
      if (element === 'leaseLost') return this.events.lost(tenure);
      if (element === 'look') return;
      if (!Buffer.isBuffer(element)) {
        goOn = () => this.#goOnAfterVainWait();
        if (element !== undefined) this.#followLimit(element);
        return;
      }
      if (!tenure.isSure) await tenure.makeSure();
      if (!tenure.isOver) this.#takeUp(tenure, [element]);
    } catch (error) {
      state.waitFailed();
      trouble.failed(error);
      await this.#waitPause.wait(stopped);
    } finally {
      state.endWait();
      goOn();
    }
  }

  /** Nothing arrived: wait again, and only now and then check whether something was missed. */
  #goOnAfterVainWait(): void {
    const { state, checkEveryMs } = this.parts;
    if (state.uncheckedMs > checkEveryMs) this.lookAround();
    else this.events.changed();
  }

  #takeUp(tenure: Tenure, elements: readonly Buffer[]): void {
    const { held, deliveries, trial } = this.parts;
    held.add(elements);
    if (!this.mayStart || trial.isOn || held.isBarred) deliveries.releaseUnstarted();
    else deliveries.startReady(tenure);
  }

  #takeUpSuspect(tenure: Tenure, elements: readonly Buffer[]): void {
    const { deliveries } = this.parts;
    for (const element of elements) {
      if (this.mayStart) deliveries.startSuspect(tenure, element);
      else deliveries.release(element);
    }
  }
}
