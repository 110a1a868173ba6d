import type { AdminBroker } from '../../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import { Redriver } from '../../../libs/redis-queue-transport/src/core/admin/redriver.js';
import { MemoryAdmin } from '../../../libs/redis-queue-transport/src/memory/admin/memory-admin.js';
import { Contact } from '../../../libs/redis-queue-transport/src/memory/link/contact.js';
import type { Store } from '../../../libs/redis-queue-transport/src/memory/store/store.js';
import { idOfLetter } from '../check/places.js';
import { PREFIX } from './simulated-process.js';
import type { SimulatedProcess } from './simulated-process.js';

const ALL = { from: undefined, offset: 0, count: 1_000, isNewestFirst: false };

interface KeyPause {
  readonly queue: string;
  readonly key: string;
  readonly isPaused: boolean;
}

/** A tool that pauses queues and keys, and redrives dead letters. */
export class Administrator {
  readonly name: string;
  readonly #broker: AdminBroker;
  readonly #redriver: Redriver;
  /** What was asked for and not executed, in order, which its link keeps. */
  readonly #keyPauses: KeyPause[] = [];

  constructor(
    readonly process: SimulatedProcess,
    store: Store,
  ) {
    const { link, name, runtime } = process;
    this.name = name;
    this.#broker = new MemoryAdmin(store, PREFIX, new Contact(store, link, runtime));
    this.#redriver = new Redriver(this.#broker, {}, runtime);
  }

  pause(queue: string): Promise<void> {
    return this.#broker.setPaused(queue, true);
  }

  resume(queue: string): Promise<void> {
    return this.#broker.setPaused(queue, false);
  }

  pauseKey(queue: string, key: string): Promise<void> {
    return this.#setKeyPaused({ queue, key, isPaused: true });
  }

  resumeKey(queue: string, key: string): Promise<void> {
    return this.#setKeyPaused({ queue, key, isPaused: false });
  }

  async #setKeyPaused(pause: KeyPause): Promise<void> {
    this.#keyPauses.push(pause);
    try {
      await this.#broker.setKeyPaused(pause.queue, pause.key, pause.isPaused);
    } catch (error) {
      // If it was not executed, it never will be.
      const at = this.#keyPauses.indexOf(pause);
      if (at !== -1) this.#keyPauses.splice(at, 1);
      throw error;
    }
  }

  /** The next one is executed: returns what it is. */
  nextKeyPause(): KeyPause | undefined {
    return this.#keyPauses.shift();
  }

  /** Returns the ids of what was redriven, or may have been. */
  async redrive(queue: string): Promise<readonly string[]> {
    const letters = await this.#broker.deadLetters(queue, ALL);
    await this.#redriver.redrive(queue, letters).catch(() => undefined);
    return letters.flatMap(({ element }) => idOfLetter(element) ?? []);
  }
}
