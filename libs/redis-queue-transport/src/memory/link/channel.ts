import type { AsyncResource } from 'node:async_hooks';
import type { Contact } from './contact.js';

/** Something that is told at the store, of which a process wants to hear. */
export interface Topic {
  readonly name: string;
  /** Begins to listen at the store, and returns what ends it. What was told is `deliver`ed to the process, in order. */
  readonly begin: (deliver: (told: () => void) => void) => () => void;
}

/** The store's side of a channel while the link lasts. */
interface Open {
  readonly deliver: (told: () => void) => void;
  /** What ends each topic, by its name. */
  readonly ends: Map<string, () => void>;
}

/** All that one process listens to, over one subscription of its link: it is lost and restored as a whole. */
export class Channel {
  readonly #topics = new Map<string, Topic>();
  #open: Open | undefined;
  #hearing: Promise<unknown> | undefined;

  constructor(
    private readonly contact: Contact,
    private readonly home: AsyncResource,
    /** The link was cut and is restored: what was told meanwhile was missed. */
    private readonly onInterrupted: () => void,
  ) {}

  /** Resolves when it listens. A topic replaces the one of the same name. */
  async listen(topics: readonly Topic[]): Promise<void> {
    if (topics.length === 0) return;
    const before = new Map(topics.map(({ name }) => [name, this.#topics.get(name)]));
    for (const topic of topics) this.#topics.set(topic.name, topic);
    try {
      await this.#hear();
      await this.contact.call('listen', () => this.#begin(topics));
    } catch (error) {
      // So that a further call tries again.
      for (const [name, topic] of before)
        if (topic === undefined) this.#topics.delete(name);
        else this.#topics.set(name, topic);
      throw error;
    }
  }

  async #hear(): Promise<void> {
    this.#hearing ??= this.contact.hear(
      'listen',
      (deliver: (told: () => void) => void) => this.#subscribe(deliver),
      (told) => this.home.runInAsyncScope(told),
      this.onInterrupted,
    );
    try {
      await this.#hearing;
    } catch (error) {
      this.#hearing = undefined;
      throw error;
    }
  }

  /** At the store, also each time after the link was restored. */
  #subscribe(deliver: (told: () => void) => void): () => void {
    const open: Open = { deliver, ends: new Map() };
    this.#open = open;
    this.#begin([...this.#topics.values()]);
    return () => {
      if (this.#open === open) this.#open = undefined;
      for (const end of open.ends.values()) end();
    };
  }

  /** At the store. Without a link they begin when it is restored. */
  #begin(topics: readonly Topic[]): void {
    const open = this.#open;
    if (open === undefined) return;
    for (const { name, begin } of topics) {
      open.ends.get(name)?.();
      open.ends.set(name, begin(open.deliver));
    }
  }
}
