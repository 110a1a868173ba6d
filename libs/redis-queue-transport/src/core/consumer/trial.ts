import type { Suspects, TrialStep } from '../broker/lease.js';
import type { Runtime, Timer } from '../process/runtime.js';

/** How long a consumer that holds messages lets idle consumers claim the trial first. */
const POLITE_MS = 300;

/** How long running handlers may take to end. Then the first suspect starts beside them: they may hang. */
const EMPTYING_MS = 5_000;

/** How long nothing else starts beside a suspect: a message that kills its process usually does so at once. */
const ALONE_MS = 2_000;

/** A trial that took longer makes room for the queue for as long as it took. */
const LONGEST_TRIAL_MS = 10_000;

/** How soon to ask again for the turn that another queue of the process has. */
const TURN_AGAIN_MS = 500;

/** One trial at a time in a process: if two suspects ran when it died, nobody could tell which one was to blame. */
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

/** What a trial needs to know about its consumer. */
export interface TrialView {
  /** It consumes its queue, which is not paused. */
  readonly isConsuming: boolean;
  /** It holds nothing. */
  readonly isEmpty: boolean;
  /** One more handler may run. */
  readonly hasPlace: boolean;
  /** The handler of the suspect that was started last is still running. */
  readonly isTesting: boolean;
  /** A limit of the queue lets nothing more be taken for now. */
  readonly isHeldBack: boolean;
}

/**
 * - `off`: other consumers may run the suspects, if there are any.
 * - `claiming`: has asked for the right to run them.
 * - `emptying`: has the right; running handlers end first.
 * - `testing`: suspects run, each alone for a while.
 * - `yielding`: gives up the right.
 */
type Phase = 'off' | 'claiming' | 'emptying' | 'testing' | 'yielding';

/**
 * Runs the suspects of a queue separately, in one consumer at a time, so that a message that kills its process is
 * identified. All of it is bounded in time: a hanging handler, suspect or not, stops nobody else.
 */
export class Trial {
  #phase: Phase = 'off';
  /** Since when suspects have waited without anyone running them. */
  #freeSince: number | undefined;
  #beganAt = 0;
  #aloneUntil = 0;
  #restsUntil = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly turn: TrialTurn,
    /** A step may be due now. */
    private readonly changed: () => void,
    private readonly runtime: Runtime,
  ) {}

  /** While true, nothing is taken from the queue. */
  get isOn(): boolean {
    return this.#phase === 'emptying' || this.#phase === 'testing';
  }

  /** There is nothing to decide. This is the usual case, and costs no more than this check. */
  get isIdle(): boolean {
    return this.#phase === 'off' && this.#freeSince === undefined;
  }

  /** The step of an exchange that is made anyway: a consumer that holds nothing may start with suspects at once. */
  get passingStep(): TrialStep | undefined {
    if (this.isOn) return 'keep';
    const mayClaim = this.#phase === 'off' && this.turn.isFree;
    return mayClaim && this.runtime.now() >= this.#restsUntil ? 'claimIfEmpty' : undefined;
  }

  /** An exchange has told about the queue's suspects. */
  told(suspects: Suspects): void {
    if (suspects === 'mine') {
      if (this.#phase === 'off' || this.#phase === 'claiming') this.#begin();
      return;
    }
    if (this.#phase !== 'off') this.#finish();
    this.#freeSince = suspects === 'free' ? (this.#freeSince ?? this.runtime.now()) : undefined;
  }

  /** The step for the next exchange, if any. */
  step(view: TrialView): TrialStep | undefined {
    const now = this.runtime.now();
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

  /** An exchange with a step failed: the next one shows whether Redis executed it. */
  failed(): void {
    if (this.#phase === 'claiming') this.#finish();
  }

  /** The right ended with the lease, or the consumer is ending. */
  end(): void {
    this.#finish();
    this.#freeSince = undefined;
  }

  #begin(): void {
    // A call whose reply was lost may have claimed the right. Another queue of the process may have the turn by now.
    if (!this.turn.take(this)) {
      this.#phase = 'yielding';
      return;
    }
    this.#phase = 'emptying';
    this.#beganAt = this.runtime.now();
  }

  #finish(): void {
    this.runtime.clearTimeout(this.#timer);
    if (this.isOn) this.#restsUntil = this.#restAfter(this.runtime.now());
    this.#phase = 'off';
    this.turn.giveBack(this);
  }

  /** No break after a short trial. */
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
    if (view.isHeldBack) return undefined;
    this.#phase = 'testing';
    this.#aloneUntil = now + ALONE_MS;
    return 'next';
  }

  /** Nothing to do for this long, unless something else happens. */
  #lookIn(ms: number): undefined {
    this.runtime.clearTimeout(this.#timer);
    this.#timer = this.runtime.setTimeout(this.changed, Math.ceil(ms));
    return undefined;
  }
}
