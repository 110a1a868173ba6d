import { performance } from 'node:perf_hooks';

/** Has handlers wait while none may begin. */
export interface Gate {
  /** Whether a handler may begin now. To be asked before each. */
  mayStart(): boolean;
  /** A handler begins. */
  began(): void;
  /** Resolves when it is worth while to ask again. Never rejects. */
  opened(): Promise<void>;
}

/** The lease on which handlers begin. */
export interface KeptLease {
  /** False when the lease may have ended unnoticed. */
  readonly isSure: boolean;
  /** It may have ended unnoticed from this time of `performance.now()` on. */
  readonly sureUntil: number;
  /** Finds out. Never rejects. */
  makeSure(): Promise<void>;
}

/** So long handlers may begin one after the other before the event loop turns. */
const LONGEST_TURN_MS = 100;
/** Less for a short lease, of which this is the part. */
const LONGEST_TURN_PART = 1 / 20;

/**
 * Lets handlers begin only on a lease that is sure, and only a few before the event loop turns where they keep it from
 * turning for long: else no renewal could go out, and the lease would end while one handler after the other begins.
 *
 * What a handler computes before it first waits for anything runs when whoever began it has gone on, so that its time
 * shows only at the end of the turn. So the first turn begins one. While turns are short, each may begin twice as many
 * as the last; after a long one, as many as would have fitted.
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
  /** Somebody was told to wait. */
  #isHeld = false;
  #waiting: (() => void)[] = [];

  constructor(
    private readonly lease: KeptLease,
    leaseMs: number,
    private readonly onOpen: () => void,
  ) {
    this.#longestTurnMs = Math.min(LONGEST_TURN_MS, LONGEST_TURN_PART * leaseMs);
  }

  mayStart(): boolean {
    if (this.#isTurning || this.#began >= this.#most) return this.#hold();
    if (this.#began === 0) return this.lease.isSure || this.#makeSure();
    const now = performance.now();
    if (now >= this.lease.sureUntil) return this.#makeSure();
    return now - this.#turnBeganAt < this.#longestTurnMs || this.#hold();
  }

  began(): void {
    this.#began += 1;
    if (this.#began > 1) return;
    this.#turnBeganAt = performance.now();
    setImmediate(this.#endTurn);
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
    const tookMs = performance.now() - this.#turnBeganAt;
    const isLong = tookMs >= this.#longestTurnMs;
    if (isLong) this.#most = Math.max(1, Math.floor((this.#began * this.#longestTurnMs) / tookMs));
    else if (this.#began >= this.#most) this.#most *= 2;
    this.#began = 0;
    if (!isLong || !this.#isHeld) return this.#goOn();
    // Immediates may run in the turn in which they were asked for: before sockets are read and written, and before timers.
    this.#isTurning = true;
    setImmediate(this.#goOn);
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
