import type { LeaseTerms } from '../../core/broker/lease.js';
import type { Limited, QueueLimit } from '../../core/broker/limit.js';
import { OutcomeUnknownError } from '../../core/errors/call-errors.js';
import type { Surroundings } from '../process/surroundings.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { fill } from '../queue/levels.js';
import { takeOne } from './exchange.js';
import { LimitedTaking } from './limited-taking.js';

/** Waits for the next element of one queue by a blocking command, which takes it without checking the lease. */
export class BlockingWait {
  #isRunning = false;
  #started = 0;
  #wasTakeLost = false;
  /** Ends the one that is running. */
  #running = new AbortController();
  #isLeft = false;

  constructor(
    private readonly consumer: string,
    private readonly terms: Pick<LeaseTerms, 'waitMs' | 'limit' | 'order'>,
    private readonly queue: StoredQueue,
    private readonly at: Surroundings,
  ) {}

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** How many have started. With {@link isRunning}, it tells whether one overlapped with something else. */
  get started(): number {
    return this.#started;
  }

  /** The answer to one was lost: its command may still be executed, much later. */
  get wasTakeLost(): boolean {
    return this.#wasTakeLost;
  }

  /** @param returned resolves when strays are no longer being looked for */
  async take(
    signal: AbortSignal,
    returned: () => Promise<void>,
  ): Promise<Buffer | Limited | undefined> {
    if (signal.aborted) return undefined;
    this.#started += 1;
    this.#isRunning = true;
    this.#running = new AbortController();
    const end = (): void => this.#running.abort();
    signal.addEventListener('abort', end, { once: true });
    try {
      await returned();
      const element = await this.#block(this.#running.signal);
      if (this.#isLeft) throw new OutcomeUnknownError('The lease was left meanwhile.');
      return element;
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.#wasTakeLost = true;
      throw error;
    } finally {
      this.#isRunning = false;
      signal.removeEventListener('abort', end);
    }
  }

  #block(signal: AbortSignal): Promise<Buffer | Limited | undefined> {
    const { contact, store } = this.at;
    const { queue } = this;
    const { limit, waitMs } = this.terms;
    const take = (): Buffer | Limited | undefined => this.#take(limit);
    return contact.block(
      'wait for a message',
      (answer) => queue.waiting.blockingTake(store.clock, waitMs, take, answer),
      signal,
    );
  }

  #take(limit: QueueLimit | undefined): Buffer | Limited | undefined {
    const { consumer, queue } = this;
    const { names, store } = this.at;
    const taker = { consumer, order: this.terms.order };
    if (limit === undefined) return takeOne(queue, taker, names);
    const taking = new LimitedTaking(queue, consumer, limit, store.clock.nowMs());
    if (taking.mayWaitFor(1) === 0) {
      // As if it had been taken and put back.
      queue.recall(taker.order);
      fill(queue, taker.order);
      return taking.limited;
    }
    const element = takeOne(queue, taker, names);
    if (element !== undefined) taking.count(1);
    return element;
  }

  /** For good: the lease is left. Nothing that it still takes is handed out. */
  end(): void {
    this.#isLeft = true;
    this.#running.abort();
  }
}
