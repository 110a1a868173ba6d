import type { OtherTerms, QueueTerms, WakeNews } from '../../core/broker/broker.js';
import type { Lease, LeaseTerms } from '../../core/broker/lease.js';
import type { Surroundings } from '../process/surroundings.js';
import type { MemoryEvents } from '../events/memory-events.js';
import { beginReading } from '../queue/unkeyed.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { MemoryLease } from './memory-lease.js';
import { noteTerms } from './note-terms.js';

/** The consumers of one process: gets them their leases, and hears the news of their queues. */
export class Consumers {
  /** Who is told the news, by queue. */
  readonly #onWake = new Map<string, (news: WakeNews) => void>();
  /** By queue. Recorded again if the store loses them. */
  readonly #terms = new Map<string, QueueTerms>();
  #joined = 0;

  constructor(
    private readonly at: Surroundings,
    private readonly events: MemoryEvents,
  ) {}

  async join(
    queueName: string,
    terms: LeaseTerms,
    onWake: (news: WakeNews) => void,
  ): Promise<Lease> {
    const { contact, names, space, store } = this.at;
    const queue = space.queue(queueName);
    await this.at.connect();
    await this.#hear(queueName, onWake);
    await contact.call('register a queue', () => space.list(queueName, 'served'));
    const readsKeys = terms.subscription?.readsKeys === true;
    // First, so that no copy comes without having to wait for its key.
    if (readsKeys) await contact.call('read keys from data', () => beginReading(queue));
    await this.events.join(queueName, terms.subscription);
    this.#joined += 1;
    const consumer = `${names.process}-${this.#joined}`;
    const known = this.#terms.get(queueName);
    await contact.call('join a queue', () => {
      if (known !== undefined) this.#noteIfLost(queue, known);
      queue.consumers.set(consumer, store.clock.nowMs() + terms.leaseMs);
      if (readsKeys) beginReading(queue, consumer);
    });
    return new MemoryLease(consumer, terms, queue, this.at);
  }

  async #hear(queueName: string, onWake: (news: WakeNews) => void): Promise<void> {
    const { channel, names, space } = this.at;
    const queue = space.queue(queueName);
    this.#onWake.set(queueName, onWake);
    await channel.listen([
      {
        name: `wake:${queueName}`,
        begin: (deliver) =>
          queue.listen({
            process: names.process,
            hear: (news) => deliver(() => this.#onWake.get(queueName)?.(news)),
          }),
      },
    ]);
  }

  async noteTerms(queueName: string, terms: QueueTerms): Promise<OtherTerms | undefined> {
    const { contact, names, space, store } = this.at;
    const queue = space.queue(queueName);
    this.#terms.set(queueName, terms);
    return contact.call('note the terms of a queue', () =>
      noteTerms(queue, store.clock.nowMs(), names.process, terms),
    );
  }

  #noteIfLost(queue: StoredQueue, terms: QueueTerms): void {
    const { names, store } = this.at;
    if (queue.termsBy === undefined) noteTerms(queue, store.clock.nowMs(), names.process, terms);
  }

  /** After a failover, the store may know a lease and not the terms that were recorded after it was taken. */
  async noteAgain(): Promise<void> {
    const { contact, space } = this.at;
    const noted = [...this.#terms].map(([name, terms]) =>
      contact.call('note the terms of a queue', () => this.#noteIfLost(space.queue(name), terms)),
    );
    await Promise.all(noted);
  }

  /** News may have been missed. */
  wakeAll(): void {
    for (const onWake of this.#onWake.values()) onWake('look');
  }
}
