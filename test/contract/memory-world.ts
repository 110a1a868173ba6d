import { expect } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { SendBudget } from '../../libs/redis-queue-transport/src/core/requests/send-budget.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';
import { MemoryAdmin } from '../../libs/redis-queue-transport/src/memory/admin/memory-admin.js';
import { MemoryBroker } from '../../libs/redis-queue-transport/src/memory/broker/memory-broker.js';
import { KEEP_REPLIES_MS } from '../../libs/redis-queue-transport/src/core/requests/reply-bounds.js';
import { Contact } from '../../libs/redis-queue-transport/src/memory/link/contact.js';
import { DirectLink } from '../../libs/redis-queue-transport/src/memory/link/direct-link.js';
import type { Link } from '../../libs/redis-queue-transport/src/memory/link/link.js';
import { Store } from '../../libs/redis-queue-transport/src/memory/store/store.js';
import type { Space } from '../../libs/redis-queue-transport/src/memory/store/space.js';
import type { StoredQueue } from '../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { CutLink } from '../support/cut-link.js';
import type { QueueDump } from '../support/queue-dump.js';
import { ENDED_MS } from './broker-world.js';
import type { BrokerWorld, Closable, CutBroker } from './broker-world.js';

const FENCE_MS = 900_000;
const PREFIX = 'memory';

type Remaining = 'held' | 'leases' | 'fenced' | 'parked' | 'replies';

/** The contract's world on a store in memory: a new one for each test. */
export class MemoryWorld implements BrokerWorld {
  /** Trouble that brokers of this test told in the background. */
  readonly backgroundErrors: unknown[] = [];
  store = new Store();
  #closables: Closable[] = [];
  /** What this test said may remain. */
  readonly #expected = new Set<Remaining>();
  #brokers = 0;

  beginTest(): void {
    this.store = new Store();
    this.backgroundErrors.length = 0;
    this.#expected.clear();
  }

  async endTest(): Promise<void> {
    // The last first: what a test does on its brokers ends before these.
    for (const closable of this.#closables.toReversed()) await closable.close();
    this.#closables = [];
    expect(this.#remaining().filter(({ what }) => !this.#expected.has(what))).toEqual([]);
  }

  /** What stands in the store beside messages, as a rig for a Redis looks for keys. */
  #remaining(): readonly { readonly what: Remaining; readonly of: string }[] {
    const queues = [...this.#space.queues].flatMap(([of, queue]) => [
      ...(queue.processing.size > 0 ? [{ what: 'held', of } as const] : []),
      ...(queue.consumers.size > 0 ? [{ what: 'leases', of } as const] : []),
      ...(queue.fenced.size > 0 ? [{ what: 'fenced', of } as const] : []),
      ...(queue.parked.size > 0 ? [{ what: 'parked', of } as const] : []),
    ]);
    const replies = [...this.#space.replyLists].filter(
      ({ list, aside }) => list.length > 0 || aside > 0,
    );
    return [...queues, ...replies.map(() => ({ what: 'replies', of: 'a caller' }) as const)];
  }

  open(): Promise<Broker> {
    return this.openOver(new DirectLink(nodeRuntime));
  }

  async openCut(): Promise<CutBroker> {
    const link = new CutLink();
    const interruptions: number[] = [];
    const broker = await this.openOver(link, (times) => interruptions.push(times));
    const cut = async (): Promise<void> => link.cut();
    return { broker, interruptions, cut, restore: () => link.restore() };
  }

  /** A connected broker, whose calls go over this link. Closed after the test. */
  async openOver(
    link: Link,
    interrupted: (times: number) => void = () => undefined,
  ): Promise<Broker> {
    this.#brokers += 1;
    const broker = new MemoryBroker(
      this.store,
      {
        prefix: PREFIX,
        connectTimeoutMs: 5_000,
        parkAboveBytes: 100_000,
        budget: new SendBudget(100_000, 268_435_456),
        process: `process${this.#brokers}`,
        runtime: nodeRuntime,
        link,
      },
      {
        status: () => undefined,
        interrupted,
        unserved: () => undefined,
        error: (error) => this.backgroundErrors.push(error),
      },
    );
    this.closeLater(broker);
    await broker.connect();
    return broker;
  }

  openAdmin(): AdminBroker {
    const contact = new Contact(this.store, new DirectLink(nodeRuntime), nodeRuntime);
    const admin = new MemoryAdmin(this.store, PREFIX, contact);
    return this.closeLater(admin);
  }

  closeLater<T extends Closable>(closable: T): T {
    this.#closables.push(closable);
    return closable;
  }

  async leaseEnds(name: string): Promise<ReadonlyMap<string, number>> {
    return new Map(this.queue(name).consumers);
  }

  async trialOf(name: string): Promise<string | undefined> {
    return this.queue(name).trial;
  }

  async countWaits(): Promise<number> {
    const queues = [...this.store.space(PREFIX).queues.values()];
    return queues.reduce((sum, { waiting }) => sum + waiting.takers, 0);
  }

  async dump(name: string): Promise<QueueDump> {
    const queue = this.queue(name);
    const { expired, repeated, deadLettersDropped, parkedEver } = queue.counts;
    return {
      waiting: queue.waiting.slice(),
      unkeyed: queue.unkeyed.slice(),
      levels: queue.levels.byLevel,
      suspects: queue.suspects.slice(),
      processing: new Map([...queue.processing].map(([consumer, held]) => [consumer, [...held]])),
      lanes: new Map([...queue.lanes.byKey].map(([key, lane]) => [key, [...lane]])),
      out: new Map(queue.lanes.out),
      resting: new Map([...queue.rests.all].map(([key, { untilMs }]) => [key, untilMs])),
      inLanes: queue.lanes.waiting,
      delayed: queue.delayed.all.map(({ element }) => element),
      dead: queue.dead.all.map(({ value }) => value).toReversed(),
      expired,
      repeated,
      deadLettersDropped,
      parked: [...queue.parked.keys()],
      parkedEver,
    };
  }

  async pushForeign(name: string, ...elements: (string | Buffer)[]): Promise<void> {
    const { waiting } = this.queue(name);
    this.store.run(() => {
      for (const element of elements) waiting.push(Buffer.from(element));
    });
  }

  async pushSuspects(name: string, ...elements: (string | Buffer)[]): Promise<void> {
    const queue = this.queue(name);
    this.store.run(() => {
      for (const element of elements) queue.suspects.push(Buffer.from(element));
      queue.wake('look');
    });
  }

  async endLease(name: string, consumer: string): Promise<void> {
    await this.moveLeaseEnd(name, consumer, ENDED_MS);
  }

  async moveLeaseEnd(name: string, consumer: string, endsAtMs: number): Promise<void> {
    const { consumers } = this.queue(name);
    if (consumers.has(consumer)) consumers.set(consumer, endsAtMs);
  }

  async age(name: string, ms: number): Promise<void> {
    const { consumers } = this.queue(name);
    for (const [consumer, endsAtMs] of consumers) consumers.set(consumer, endsAtMs - ms);
  }

  async ageDelayed(name: string, ms: number): Promise<void> {
    const { delayed } = this.queue(name);
    const { all } = delayed;
    delayed.clear();
    for (const { dueMs, element } of all) delayed.add(dueMs - ms, element);
  }

  async passTime(ms: number): Promise<void> {
    this.store.clock.advance(ms);
  }

  async fence(name: string, ...consumers: string[]): Promise<void> {
    const { fenced } = this.queue(name);
    for (const consumer of consumers) fenced.set(consumer, this.store.clock.nowMs() + FENCE_MS);
  }

  async endFence(name: string, consumer: string): Promise<void> {
    const { fenced } = this.queue(name);
    if (fenced.has(consumer)) fenced.set(consumer, 1);
  }

  async dropHeld(name: string, consumer: string): Promise<void> {
    this.queue(name).processing.delete(consumer);
  }

  async dropWaiting(name: string): Promise<void> {
    this.queue(name).waiting.clear();
  }

  async setOut(name: string, key: string, out: number | undefined): Promise<void> {
    const { lanes } = this.queue(name);
    if (out === undefined) lanes.out.delete(key);
    else lanes.out.set(key, out);
  }

  async dropSuspects(name: string): Promise<void> {
    this.queue(name).suspects.clear();
  }

  async lateTake(
    name: string,
    consumer: string,
    from: 'waiting' | 'suspects' = 'waiting',
    end: 'left' | 'right' = 'left',
  ): Promise<void> {
    const queue = this.queue(name);
    this.store.run(() => {
      const element = end === 'left' ? queue[from].shift() : queue[from].pop();
      if (element !== undefined) queue.hold(consumer, element);
    });
  }

  async setPaused(name: string, isPaused: boolean): Promise<void> {
    const queue = this.queue(name);
    this.store.run(() => {
      queue.isPaused = isPaused;
      queue.wake(isPaused ? 'paused' : 'look');
    });
  }

  async pushToList(
    list: string,
    end: 'left' | 'right',
    ...elements: (string | Buffer)[]
  ): Promise<void> {
    this.store.run(() => {
      for (const element of elements) {
        if (end === 'left') this.store.list(list).unshift(Buffer.from(element));
        else this.store.list(list).push(Buffer.from(element));
      }
    });
  }

  async listOf(list: string): Promise<readonly Buffer[]> {
    return this.store.list(list).slice();
  }

  async leaveFed(name: string, ...elements: (string | Buffer)[]): Promise<void> {
    for (const element of elements) this.queue(name).fed.push(Buffer.from(element));
  }

  async leftFed(name: string): Promise<number> {
    return this.queue(name).fed.length;
  }

  async loseAll(): Promise<void> {
    this.store.clear();
  }

  async pushForeignEntry(pattern: string): Promise<void> {
    const { entries } = this.#space.events.history(pattern);
    entries.add(this.store.clock.nowMs(), { number: undefined, element: Buffer.alloc(0) });
  }

  async stopFilling(queue: string, entry: string): Promise<void> {
    this.#space.events.cursors.set(queue, `(${entry}`);
  }

  async replies(list: string): Promise<readonly Buffer[]> {
    const replies = this.#space.replies(list);
    replies.forgetEnded(this.store.clock.nowMs());
    return replies.list.slice();
  }

  async repliesAside(): Promise<number> {
    return [...this.#space.replyLists].reduce((sum, { aside }) => sum + aside, 0);
  }

  async outlastReplies(list: string): Promise<void> {
    this.store.clock.advance(KEEP_REPLIES_MS);
    this.#space.replies(list).forgetEnded(this.store.clock.nowMs());
  }

  expectReplies(): void {
    this.#expected.add('replies');
  }

  expectParked(): void {
    this.#expected.add('parked');
  }

  expectFenced(): void {
    this.#expected.add('fenced');
  }

  get #space(): Space {
    return this.store.space(PREFIX);
  }

  queue(name: string): StoredQueue {
    return this.#space.queue(name);
  }
}
