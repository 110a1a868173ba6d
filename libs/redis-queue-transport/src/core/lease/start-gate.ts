import type { Runtime } from '../process/runtime.js';

/** Makes handlers wait while none may start. */
export interface Gate {
  /** Whether a handler may start now. Ask before each one. */
  mayStart(): boolean;
  /** A handler starts. */
  began(): void;
  /** Resolves when it is worthwhile to ask again. Never rejects. */
  opened(): Promise<void>;
}

/** The lease on which handlers start. */
export interface KeptLease {
  /** False if the lease may have ended unnoticed. */
  readonly isSure: boolean;
  /** Asks Redis, as long as it takes, whether the lease is still held. Never rejects. */
  makeSure(): Promise<void>;
}

/** How long handlers may start one after the other before the event loop turns. */
const LONGEST_TURN_MS = 100;
/** For a short lease, this part of the lease instead. */
const LONGEST_TURN_PART = 1 / 20;

/**
 * Lets handlers start only on a lease that is certain, and only a few before the event loop turns if they block it for
 * long: otherwise no renewal could be sent, and the lease would end while one handler after the other starts.
 *
 * If the whole machine sleeps between two starts, the next start notices it. What had started but not yet computed, at
 * most the handlers of one turn, runs on a lease that may have ended: so would a handler if the machine slept right before
 * its first line, which no check can rule out. Their settlements are refused, and their messages run again elsewhere.
 *
 * What a handler computes before it first waits runs after its start has returned, so its time only shows at the end of
 * the turn. So the first turn starts one handler. While turns are short, each may start twice as many as the last;
 * after a long one, as many as would have fitted.
 */
export class StartGate implements Gate {
  readonly #longestTurnMs: number;
  #turnBeganAt = 0;
  /** In this turn of the event loop. */
  #began = 0;
  /** In one turn. */
  #most = 1;
  #isTurning = false;
  #isMakingSure = false;
  /** A caller was told to wait. */
  #isHeld = false;
  #waiting: (() => void)[] = [];

  constructor(
    private readonly lease: KeptLease,
    leaseMs: number,
    private readonly onOpen: () => void,
    private readonly runtime: Runtime,
  ) {
    this.#longestTurnMs = Math.min(LONGEST_TURN_MS, LONGEST_TURN_PART * leaseMs);
  }

  mayStart(): boolean {
    if (this.#isTurning || this.#began >= this.#most) return this.#hold();
    if (!this.lease.isSure) return this.#makeSure();
    if (this.#began === 0) return true;
    return this.runtime.now() - this.#turnBeganAt < this.#longestTurnMs || this.#hold();
  }

  began(): void {
    this.#began += 1;
    if (this.#began > 1) return;
    this.#turnBeganAt = this.runtime.now();
    this.runtime.setImmediate(this.#endTurn);
  }

  opened(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #hold(): false {
    this.#isHeld = true;
    return false;
  }

  readonly #endTurn = (): void => {
    const tookMs = this.runtime.now() - this.#turnBeganAt;
    const isLong = tookMs >= this.#longestTurnMs;
    if (isLong) this.#most = Math.max(1, Math.floor((this.#began * this.#longestTurnMs) / tookMs));
    else if (this.#began >= this.#most) this.#most *= 2;
    this.#began = 0;
    if (!isLong || !this.#isHeld) return this.#goOn();
    // Immediates may run in the turn in which they were made, before sockets are read and written, and before timers.
    this.#isTurning = true;
    this.runtime.setImmediate(this.#goOn);
  };

  readonly #goOn = (): void => {
    this.#isTurning = false;
    if (this.#isHeld) this.#open();
  };

  #makeSure(): false {
    if (this.#isMakingSure) return false;
    this.#isMakingSure = true;
    void this.lease.makeSure().then(() => {
      this.#isMakingSure = false;
      this.#open();
    });
    return false;
  }

  #open(): void {
    this.#isHeld = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.onOpen();
    for (const goOn of waiting) goOn();
  }
}
