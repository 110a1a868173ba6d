import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  LeaseTerms,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import {
  decodeElement,
  withNextAttempt,
} from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import { ENDED_MS } from './broker-world.js';
import type { QueueWorld } from './broker-world.js';
import { brought, element, ids, keyed } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const QUEUE = 'positions.update';
const TERMS = { ...LEASE_TERMS, deadLetterLimit: 3, waitMs: 5_000, order: 'newestFirst' } as const;
const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;
const LARGE = 'x'.repeat(300_000);

function released(elements: readonly Buffer[]): readonly Settlement[] {
  return elements.map((one) => ({ kind: 'release', element: one }));
}

function done(elements: readonly Buffer[]): readonly Settlement[] {
  return elements.map((one) => {
    const isParked = decodeElement(one).parked === undefined ? {} : { isParked: true as const };
    return { kind: 'ack', element: one, ...isParked };
  });
}

/** How a queue is taken from whose newest message comes first. Call it within a `describe`. */
export function orderContract(world: QueueWorld): void {
  let broker: Broker;
  let joined: Lease[];

  beforeEach(async () => {
    joined = [];
    broker = await world.open();
  });

  afterEach(() => Promise.allSettled(joined.map((lease) => lease.leave())));

  async function join(terms: Partial<LeaseTerms> = {}): Promise<Lease> {
    const lease = await broker.join(QUEUE, { ...TERMS, ...terms }, () => undefined);
    joined.push(lease);
    return lease;
  }

  async function push(...names: readonly string[]): Promise<void> {
    for (const name of names) await broker.push(QUEUE, name, element(name));
  }

  async function exchange(
    lease: Lease,
    take: number,
    settlements: readonly Settlement[] = [],
  ): Promise<Exchange> {
    return withLease(await lease.exchange(settlements, take));
  }

  async function take(lease: Lease, count: number): Promise<(string | undefined)[]> {
    return ids((await exchange(lease, count)).taken);
  }

  async function waitingIds(): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).waiting);
  }

  test('the newest message is taken first, one or several at a time', async () => {
    const lease = await join();
    await push('a', 'b', 'c', 'd');
    expect(await take(lease, 1)).toEqual(['d']);
    await push('e');
    expect(await take(lease, 2)).toEqual(['e', 'c']);
    expect(await take(lease, 10)).toEqual(['b', 'a']);
    expect(await take(lease, 10)).toEqual([]);
  });

  test('more than one exchange takes at once, of any size, are all taken, from the newest on', async () => {
    const lease = await join();
    const names = Array.from({ length: 40 }, (_, index) => `m${index}`);
    for (const [index, name] of names.entries())
      await broker.push(QUEUE, name, element(name, 'x'.repeat((index % 4) * 20_000)));
    const taken: (string | undefined)[] = [];
    while (taken.length < names.length) {
      const part = await take(lease, 100);
      expect(part).not.toEqual([]);
      taken.push(...part);
    }
    expect(taken).toEqual(names.toReversed());
  });

  test('large elements of others are taken from the newest on, too', async () => {
    await world.pushForeign(QUEUE, 'a', LARGE, 'b');
    const lease = await join();
    const sizes: number[] = [];
    while (sizes.length < 3) {
      const { taken } = await exchange(lease, 10);
      sizes.push(...taken.map(({ length }) => length));
      await exchange(lease, 0, done(taken));
    }
    expect(sizes[0]).toBe(1);
    expect(sizes[2]).toBe(1);
  });

  test('a wait takes the newest', async () => {
    const lease = await join();
    await push('a', 'b');
    expect(ids([await brought(lease.wait(NEVER))])).toEqual(['b']);
    expect(ids([await brought(lease.wait(NEVER))])).toEqual(['a']);
  });

  test('what is released is taken next, in the order in which it was taken', async () => {
    const lease = await join();
    await push('a', 'b', 'c');
    const { taken } = await exchange(lease, 2);
    await push('d');
    await exchange(lease, 0, released(taken));
    expect(await waitingIds()).toEqual(['a', 'd', 'b', 'c']);
    expect(await take(lease, 10)).toEqual(['c', 'b', 'd', 'a']);
  });

  test('a retry without a pause is taken next', async () => {
    const lease = await join();
    await push('a', 'b');
    const { taken } = await exchange(lease, 1);
    await push('c');
    const [b] = taken;
    const replacement = withNextAttempt(b!, 'new');
    await exchange(lease, 0, [{ kind: 'retry', element: b!, replacement, delayMs: 0 }]);
    expect(await take(lease, 10)).toEqual(['b', 'c', 'a']);
  });

  test('what a consumer leaves is taken next', async () => {
    const [one, other] = [await join(), await join()];
    await push('a', 'b', 'c');
    await take(one, 2);
    await push('d');
    await one.leave();
    expect(await take(other, 10)).toEqual(['c', 'b', 'd', 'a']);
  });

  test('due messages are taken before those that wait, the earliest first', async () => {
    const lease = await join();
    const dueMs = broker.nowMs() + HOUR_MS;
    await broker.push(QUEUE, 'first', element('first'), { dueMs });
    await broker.push(QUEUE, 'second', element('second'), { dueMs: dueMs + 1 });
    await push('a', 'b');
    await world.ageDelayed(QUEUE, 2 * HOUR_MS);
    expect(await take(lease, 1)).toEqual(['first']);
    await push('c');
    expect(await take(lease, 10)).toEqual(['second', 'c', 'b', 'a']);
  });

  test('a due message comes to a consumer that waits', async () => {
    const [waiter, other] = [await join(), await join()];
    await broker.push(QUEUE, 'due', element('due'), { dueMs: broker.nowMs() + HOUR_MS });
    const waited = brought(waiter.wait(NEVER));
    await eventually(async () => expect(await world.countWaits()).toBe(1));
    await world.ageDelayed(QUEUE, 2 * HOUR_MS);
    await exchange(other, 0);
    expect(ids([await waited])).toEqual(['due']);
  });

  test('what a dead consumer held is suspected in the order in which it was taken', async () => {
    const [dead, other] = [await join(), await join()];
    await push('a', 'b', 'c');
    await take(dead, 2);
    world.expectFenced();
    await world.endLease(QUEUE, dead.consumer);
    expect(await other.reclaim(dead.consumer, ENDED_MS)).toBe(2);
    expect(ids((await world.dump(QUEUE)).suspects)).toEqual(['c', 'b']);
    expect(await take(other, 10)).toEqual(['a']);
  });

  test('what a late command took goes back to where it is taken next', async () => {
    const [dead, other] = [await join(), await join()];
    world.expectFenced();
    await world.endLease(QUEUE, dead.consumer);
    await other.reclaim(dead.consumer, ENDED_MS);
    await push('late');
    await world.lateTake(QUEUE, dead.consumer, 'waiting', 'right');
    await push('a', 'b');
    expect(await other.reclaim(dead.consumer)).toBe(1);
    expect(await waitingIds()).toEqual(['a', 'b', 'late']);
  });

  test('a wait that a limit refuses leaves the message where it is taken next', async () => {
    const limit = { running: 1, rate: undefined, perMs: 1_000 };
    const [one, other] = [await join({ limit }), await join({ limit })];
    await push('a', 'b', 'c');
    expect(await take(one, 1)).toEqual(['c']);
    expect(await other.wait(NEVER)).toMatchObject({ inMs: undefined });
    expect(await waitingIds()).toEqual(['a', 'b']);
  });

  test('messages of a key keep their order', async () => {
    const lease = await join();
    for (const name of ['k1', 'k2', 'k3']) await broker.push(QUEUE, name, keyed('k', name));
    await push('a');
    const order: (string | undefined)[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { taken } = await exchange(lease, 10);
      order.push(...ids(taken));
      await exchange(lease, 0, done(taken));
    }
    expect(order).toEqual(['a', 'k1', 'k2', 'k3']);
  });

  test('it concerns only those who join with it', async () => {
    const [newest, oldest] = [await join(), await join({ order: 'oldestFirst' })];
    await push('a', 'b', 'c', 'd');
    expect(await take(newest, 1)).toEqual(['d']);
    expect(await take(oldest, 2)).toEqual(['a', 'b']);
    await oldest.leave();
    expect(await waitingIds()).toEqual(['a', 'b', 'c']);
  });
}
