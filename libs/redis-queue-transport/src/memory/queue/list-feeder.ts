import type { Feed, ListSource } from '../../core/broker/broker.js';
import { repeatUntilStopped } from '../../core/process/until-stopped.js';
import type { Surroundings } from '../process/surroundings.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { moveMany, takeFed } from './feeding.js';
import type { FeedPath } from './feeding.js';

/** How long, in ms, one call blocks while the list is empty. */
const WAIT_MS = 5_000;

/** Moves elements of another program's list to the tail of a queue: many at a time, and while there are none one with each wait. */
export class ListFeeder implements Feed {
  readonly #path: FeedPath;
  readonly #stopped = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #mayBeMore = true;

  constructor(
    source: ListSource,
    queue: StoredQueue,
    private readonly at: Surroundings,
  ) {
    const { names, store } = at;
    this.#path = { store, source, queue, names };
  }

  /** Resolves when it has started. */
  async start(): Promise<void> {
    await this.at.connect();
    await this.#move();
    const { events, options } = this.at;
    const failed = (error: unknown): void => events.error(error);
    const { signal } = this.#stopped;
    this.#loop = repeatUntilStopped(() => this.#feed(), signal, failed, options.runtime);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #feed(): Promise<void> {
    if (!this.#mayBeMore) {
      // Even if this fails: what it took may stand in `fed`.
      this.#mayBeMore = true;
      await this.#waitForOne();
    }
    await this.#move();
  }

  async #move(): Promise<void> {
    this.#mayBeMore = await this.at.contact.call('move messages from a list', () =>
      moveMany(this.#path),
    );
  }

  async #waitForOne(): Promise<void> {
    const { contact, store } = this.at;
    const list = store.list(this.#path.source.key);
    const take = (): void => takeFed(this.#path);
    await contact.block(
      'wait for a message of a list',
      (answer) => list.blockingTake(store.clock, WAIT_MS, take, answer),
      this.#stopped.signal,
    );
  }
}
