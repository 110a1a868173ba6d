import type { AdminBroker } from '../../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import { Redriver } from '../../../libs/redis-queue-transport/src/core/admin/redriver.js';
import { MemoryAdmin } from '../../../libs/redis-queue-transport/src/memory/admin/memory-admin.js';
import { Contact } from '../../../libs/redis-queue-transport/src/memory/link/contact.js';
import type { Store } from '../../../libs/redis-queue-transport/src/memory/store/store.js';
import { idOfLetter } from '../check/places.js';
import { PREFIX } from './simulated-process.js';
import type { SimulatedProcess } from './simulated-process.js';

const ALL = { from: undefined, offset: 0, count: 1_000, isNewestFirst: false };

/** A tool that pauses queues and redrives dead letters. */
export class Administrator {
  readonly #broker: AdminBroker;
  readonly #redriver: Redriver;

  constructor({ link, runtime }: SimulatedProcess, store: Store) {
    this.#broker = new MemoryAdmin(store, PREFIX, new Contact(store, link, runtime));
    this.#redriver = new Redriver(this.#broker, {}, runtime);
  }

  pause(queue: string): Promise<void> {
    return this.#broker.setPaused(queue, true);
  }

  resume(queue: string): Promise<void> {
    return this.#broker.setPaused(queue, false);
  }

  /** Returns the ids of what was redriven. */
  async redrive(queue: string): Promise<readonly string[]> {
    const letters = await this.#broker.deadLetters(queue, ALL);
    await this.#redriver.redrive(queue, letters);
    return letters.flatMap(({ element }) => idOfLetter(element) ?? []);
  }
}
