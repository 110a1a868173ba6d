import type {
  Broker,
  PushTerms,
  WakeNews,
} from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  LeaseTerms,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { deadLetterElement } from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { QueueDump } from '../support/queue-dump.js';
import { ENDED_MS } from './broker-world.js';
import type { QueueWorld } from './broker-world.js';
import { element } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

/** One queue, with a process that sends to it and takes from it. */
export class DrivenQueue {
  readonly #joined: Lease[] = [];
  readonly #broker: Promise<Broker>;

  constructor(
    private readonly world: QueueWorld,
    readonly name: string,
  ) {
    this.#broker = world.open();
    // A test that does not use it may end before it is open.
    this.#broker.catch(() => undefined);
  }

  broker(): Promise<Broker> {
    return this.#broker;
  }

  dump(): Promise<QueueDump> {
    return this.world.dump(this.name);
  }

  async push(id: string, body = '{}', terms?: PushTerms): Promise<'added' | 'duplicate'> {
    return (await this.#broker).push(this.name, id, element(id, body), terms);
  }

  async pushAll(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.push(name);
  }

  async pushLater(id: string, inMs: number, body = '{}'): Promise<void> {
    await this.push(id, body, { dueMs: (await this.#broker).nowMs() + inMs });
  }

  async join(
    terms: Partial<LeaseTerms> = {},
    onWake: (news: WakeNews) => void = () => undefined,
  ): Promise<Lease> {
    const lease = await (await this.#broker).join(this.name, { ...LEASE_TERMS, ...terms }, onWake);
    this.#joined.push(lease);
    return lease;
  }

  async exchange(lease: Lease, settlements: readonly Settlement[], take = 0): Promise<Exchange> {
    return withLease(await lease.exchange(settlements, take));
  }

  async take(lease: Lease, count: number): Promise<readonly Buffer[]> {
    return (await this.exchange(lease, [], count)).taken;
  }

  async takeOne(lease: Lease): Promise<Buffer> {
    const [taken] = await this.take(lease, 1);
    if (taken === undefined) throw new Error('Nothing was there to take.');
    return taken;
  }

  /** Pushes messages and dead-letters them, one after the other. */
  async deadLetter(...names: readonly string[]): Promise<void> {
    const lease = await this.join();
    for (const name of names) {
      await this.push(name);
      await this.exchange(lease, [deadLettered(await this.takeOne(lease), this.name)]);
    }
    await lease.leave();
  }

  /** A consumer that takes so many and dies. Nobody has taken back what it held. */
  async crashed(count: number): Promise<string> {
    const lease = await this.join();
    await this.take(lease, count);
    await this.world.endLease(this.name, lease.consumer);
    this.world.expectFenced();
    return lease.consumer;
  }

  async reclaim(consumer: string): Promise<number> {
    const lease = await this.join();
    const reclaimed = await lease.reclaim(consumer, ENDED_MS);
    await lease.leave();
    return reclaimed;
  }

  /** A lease that was lost cannot be left any more. */
  async leaveAll(): Promise<void> {
    await Promise.allSettled(this.#joined.map((lease) => lease.leave()));
  }
}

export function retried(taken: Buffer, delayMs = 0): Settlement & { readonly kind: 'retry' } {
  const replacement = withNextAttempt(taken, 'new');
  return { kind: 'retry', element: taken, replacement, delayMs };
}

export function deadLettered(taken: Buffer, queue: string): Settlement {
  const error = { name: 'Error', message: 'on purpose' };
  const facts = { reason: 'rejected', error, attempt: 1, queue, consumer: 'c', at: 1 };
  return { kind: 'deadLetter', element: taken, replacement: deadLetterElement(taken, facts) };
}
