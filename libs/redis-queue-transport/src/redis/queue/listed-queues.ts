import type { Connection } from '../connection/connection.js';
import type { Keys } from '../keys/keys.js';
import { register } from './register.script.js';

/** How many queues are remembered: an unlimited number of patterns must not fill the memory. */
const MOST_KNOWN_QUEUES = 1_000;

/** So often, what was listed is doubted. */
const DOUBT_AFTER_MS = 10 * 60_000;

export interface ListedQueuesEvents {
  /** No server has ever served it. */
  unserved(queue: string): void;
  /** It could not be listed; a later push tries again. */
  error(error: unknown): void;
}

/** Lists queues that were sent to, for people and tools. */
export class ListedQueues {
  /** Queues that are listed, about to be, or were listed before the connection was lost, or a while ago. */
  readonly #queues = new Map<string, Promise<void> | 'done' | 'doubtful'>();
  #willDoubt = false;

  constructor(
    private readonly connection: Connection,
    private readonly keys: Pick<Keys, 'queues'>,
    private readonly events: ListedQueuesEvents,
  ) {}

  has(queue: string): boolean {
    return this.#queues.get(queue) === 'done';
  }

  /** Makes one call for all messages that were pushed meanwhile. */
  add(queue: string): Promise<void> {
    const underWay = this.#queues.get(queue);
    if (underWay instanceof Promise) return underWay;
    const listing = this.#list(queue, underWay !== undefined);
    this.#queues.set(queue, listing);
    return listing;
  }

  /**
   * Another Redis may be the primary now that never had them, or an administrator may have had one forgotten: each is listed
   * again with its next message.
   */
  doubt(): void {
    this.#willDoubt = false;
    for (const [queue, state] of this.#queues)
      if (state === 'done') this.#queues.set(queue, 'doubtful');
  }

  /** By a timer: looking at the time with each message would cost more than the rest of what is done here. */
  #doubtLater(): void {
    if (this.#willDoubt) return;
    this.#willDoubt = true;
    // The timer must not keep what belongs to a client that was closed.
    const self = new WeakRef<ListedQueues>(this);
    setTimeout(() => self.deref()?.doubt(), DOUBT_AFTER_MS).unref();
  }

  /** Forgotten queues are registered again with their next message, which changes nothing. */
  #forget(): void {
    for (const [queue, state] of this.#queues) {
      if (!(state instanceof Promise)) this.#queues.delete(queue);
    }
  }

  /** Redis already holds the messages, so a failure to list their queue must not fail them: a later push tries again. */
  async #list(queue: string, wasTold: boolean): Promise<void> {
    try {
      const queues = { queues: this.keys.queues };
      const before = await register.run(this.connection, queues, { queue, state: 'pushed' });
      if (this.#queues.size >= MOST_KNOWN_QUEUES) this.#forget();
      this.#queues.set(queue, 'done');
      this.#doubtLater();
      if (before !== 'served' && !wasTold) this.events.unserved(queue);
    } catch (error) {
      this.#queues.delete(queue);
      this.events.error(error);
    }
  }
}
