import { performance } from 'node:perf_hooks';
import type { Suspects, TrialStep } from '../broker/broker.js';

/** How long a consumer that holds others waits for one that holds nothing to claim the trial. */
const POLITE_MS = 300;

/** How long what runs gets to end before the first suspect begins all the same, beside it: it may hang. */
const EMPTYING_MS = 5_000;

/** How long nothing else begins beside a suspect: what kills its process usually does so at once. */
const ALONE_MS = 2_000;

/** A trial that took longer gives way to the queue for as long as it took. */
const LONGEST_TRIAL_MS = 10_000;

/** How soon it is tried again to get the turn from another queue of the process. */
const TURN_AGAIN_MS = 500;

/** One trial at a time in a process: of two suspects that run when it dies, nobody could tell which one was to blame. */
export class TrialTurn {
  #holder: object | undefined;

  get isFree(): boolean {
    return this.#holder === undefined;
  }

  take(by: object): boolean {
    this.#holder ??= by;
    return this.#holder === by;
  }

  giveBack(by: object): void {
    if (this.#holder === by) this.#holder = undefined;
  }
}

/** What a trial has to know of its consumer. */
export interface TrialView {
  /** It takes from its queue, which is not paused. */
  readonly isConsuming: boolean;
  /** It holds nothing. */
  readonly isEmpty: boolean;
  /** One more handler may run. */
  readonly hasPlace: boolean;
  /** The handler of the suspect that was begun last has not ended. */
  readonly isTesting: boolean;
}

/**
 * - `off`: others may run the suspects, if there are any.
 * - `claiming`: the right to run them has been asked for.
 * - `emptying`: it is ours; what runs ends first.
 * - `testing`: suspects run, each alone for a while.
 * - `yielding`: the right is to be given up.
 */
type Phase = 'off' | 'claiming' | 'emptying' | 'testing' | 'yielding';

/**
 * Runs the suspects of a queue apart from all others, in one consumer at a time, so that a message which kills its
 * process is found by itself. All of it is bounded in time: what hangs, suspect or not, stops nobody else.
 */
export class Trial {
  #phase: Phase = 'off';
  /** Since when suspects wait that nobody runs. */
  #freeSince: number | undefined;
  #beganAt = 0;
  #aloneUntil = 0;
  #restsUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly turn: TrialTurn,
    /** A step may be due now. */
    private readonly changed: () => void,
    /** In ms, monotonic. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** While it is true, nothing is taken from the queue. */
  get isOn(): boolean {
    return this.#phase === 'emptying' || this.#phase === 'testing';
  }

  /** There is nothing to decide: the usual case, which costs no more than this question. */
  get isIdle(): boolean {
    return this.#phase === 'off' && this.#freeSince === undefined;
  }

  /** What an exchange says that is made for other reasons: one that holds nothing may begin with suspects at once. */
  get passingStep(): TrialStep | undefined {
    if (this.isOn) return 'keep';
    const mayClaim = this.#phase === 'off' && this.turn.isFree;
    return mayClaim && this.now() >= this.#restsUntil ? 'claimIfEmpty' : undefined;
  }

  /** What an exchange told of the queue's suspects. */
  told(suspects: Suspects): void {
    if (suspects === 'mine') {
      if (this.#phase === 'off' || this.#phase === 'claiming') this.#begin();
      return;
    }
    if (this.#phase !== 'off') this.#finish();
    this.#freeSince = suspects === 'free' ? (this.#freeSince ?? this.now()) : undefined;
  }

  /** The step that is to be asked for with the next exchange, if any. */
  step(view: TrialView): TrialStep | undefined {
    const now = this.now();
    switch (this.#phase) {
      case 'off':
        return this.#claim(view, now);
      case 'claiming':
        return undefined;
      case 'emptying':
      case 'testing':
        return this.#next(view, now);
      case 'yielding':
        return 'yield';
    }
  }

  /** An exchange that asked for a step failed: what has become of it, the next one tells. */
  failed(): void {
    if (this.#phase === 'claiming') this.#finish();
  }

  /** The right ended with the lease, or the consumer ends. */
  end(): void {
    this.#finish();
    this.#freeSince = undefined;
  }

  #begin(): void {
    // Ours by a call whose answer got lost; meanwhile another queue of the process may have the turn.
    if (!this.turn.take(this)) {
      this.#phase = 'yielding';
      return;
    }
    this.#phase = 'emptying';
    this.#beganAt = this.now();
  }

  #finish(): void {
    clearTimeout(this.#timer);
    if (this.isOn) this.#restsUntil = this.#restAfter(this.now());
    this.#phase = 'off';
    this.turn.giveBack(this);
  }

  /** None after one that was over soon. */
  #restAfter(now: number): number {
    const tookMs = now - this.#beganAt;
    return tookMs < EMPTYING_MS ? now : now + tookMs;
  }

  #claim({ isConsuming, isEmpty }: TrialView, now: number): TrialStep | undefined {
    if (this.#freeSince === undefined || !isConsuming) return undefined;
    const politeUntil = isEmpty ? 0 : this.#freeSince + POLITE_MS;
    const restMs = Math.max(this.#restsUntil, politeUntil) - now;
    if (restMs > 0) return this.#lookIn(restMs);
    if (!this.turn.take(this)) return this.#lookIn(TURN_AGAIN_MS);
    this.#phase = 'claiming';
    return 'claim';
  }

  #next(view: TrialView, now: number): TrialStep | undefined {
    if (!view.isConsuming) return 'yield';
    const beganMs = now - this.#beganAt;
    if (this.#phase === 'emptying' && !view.isEmpty && beganMs < EMPTYING_MS)
      return this.#lookIn(EMPTYING_MS - beganMs);
    if (view.isTesting && now < this.#aloneUntil) return this.#lookIn(this.#aloneUntil - now);
    if (beganMs > LONGEST_TRIAL_MS || !view.hasPlace) return 'yield';
    this.#phase = 'testing';
    this.#aloneUntil = now + ALONE_MS;
    return 'next';
  }

  /** Nothing to ask for before the time is over, unless something else happens. */
  #lookIn(ms: number): undefined {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.changed, Math.ceil(ms));
    return undefined;
  }
}
