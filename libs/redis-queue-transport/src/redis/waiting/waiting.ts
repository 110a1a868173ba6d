import { BlockingWait } from './blocking-wait.js';
import type { BlockingSurroundings, WaitTerms } from './blocking-wait.js';
import { Sleep } from './sleep.js';
import type { SleepSurroundings } from './sleep.js';
import type { Waiter, WaitPool } from './wait-pool.js';

export interface WaitingSurroundings extends BlockingSurroundings, SleepSurroundings {
  readonly pool: WaitPool;
}

/** How the consumer of a lease waits: it blocks on a connection while the pool has one for it, else it sleeps. */
export class Waiting implements Waiter {
  readonly sleep: Sleep;
  readonly #block: BlockingWait;
  /** It uses its connection, or is about to. */
  #isBlocking = false;
  /** It was asleep, and messages may wait. */
  #isWoken = false;

  constructor(
    consumer: string,
    private readonly at: WaitingSurroundings,
  ) {
    this.#block = new BlockingWait(at);
    this.sleep = new Sleep(consumer, at);
  }

  get list(): string {
    return this.at.lists.waiting;
  }

  get waitMs(): number {
    return this.at.waitMs;
  }

  get isBlocking(): boolean {
    return this.#isBlocking;
  }

  get isAsleep(): boolean {
    return this.sleep.isRunning;
  }

  /** A command that blocks may take an element now. */
  get mayTake(): boolean {
    return this.#block.isRunning;
  }

  /** How many commands that block have started. With {@link mayTake}, it tells whether one overlapped with something else. */
  get started(): number {
    return this.#block.started;
  }

  /** The reply to a command that blocks was lost: it may still be executed, much later. */
  get wasTakeLost(): boolean {
    return this.#block.wasTakeLost;
  }

  /** Before the lease is taken. @throws RedisUnavailableError | RedisRefusedError */
  async open(timeoutMs: number): Promise<void> {
    this.#block.checkedOn(await this.at.pool.open(this, timeoutMs));
  }

  /** Returns `look` if an exchange is to look for messages. */
  async wait<Kept>(terms: WaitTerms<Kept>): Promise<Kept | 'leaseLost' | 'look' | undefined> {
    const connection = this.at.pool.connectionOf(this);
    if (connection === undefined) {
      const woken = await this.sleep.until(terms.signal);
      this.#isWoken = woken === 'look';
      return woken;
    }
    this.sleep.leaveSoon();
    this.#isBlocking = true;
    try {
      const kept = await this.#block.take(connection, terms);
      if (kept !== undefined) this.at.pool.count(this);
      return kept;
    } finally {
      this.#isBlocking = false;
      this.at.pool.ended(this);
    }
  }

  /** An exchange has taken so many of those that it asked for. */
  exchanged(take: number, taken: number): void {
    this.sleep.exchanged(take, taken);
    if (this.#isWoken && taken > 0) this.at.pool.count(this);
    this.#isWoken = false;
  }

  endWait(): void {
    if (this.#isBlocking) this.#block.end();
    else this.sleep.end();
  }

  /** The lease has ended, or is about to. May be called more than once. */
  over(): void {
    this.sleep.over();
    this.at.pool.leave(this);
  }
}
