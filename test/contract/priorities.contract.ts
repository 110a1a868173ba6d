import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  LeaseTerms,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import {
  deadLetterElement,
  redrivenElement,
} from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import {
  decodeElement,
  withNextAttempt,
} from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import { brought, failureIn, ids, prioritised } from './elements.js';
import type { BrokerWorld } from './broker-world.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const QUEUE = 'mail.send';
const TERMS: LeaseTerms = { ...LEASE_TERMS, waitMs: 5_000 };
const HOUR_MS = 3_600_000;
const NEVER = new AbortController().signal;
const FACTS = failureIn(QUEUE);

/** Messages with priorities, on every broker. Call it within a `describe`. */
export function prioritiesContract(world: BrokerWorld): void {
  let broker: Broker;
  let admin: AdminBroker;
  let joined: Lease[];

  beforeEach(async () => {
    joined = [];
    broker = await world.open();
    admin = world.openAdmin();
  });

  afterEach(() => Promise.allSettled(joined.map((lease) => lease.leave())));

  async function join(
    terms: Partial<LeaseTerms> = {},
    onWake: () => void = () => undefined,
    member = broker,
  ): Promise<Lease> {
    const lease = await member.join(QUEUE, { ...TERMS, ...terms }, onWake);
    joined.push(lease);
    return lease;
  }

  /** `9a` has the priority 9. */
  async function push(...names: string[]): Promise<void> {
    for (const name of names) await broker.push(QUEUE, name, elementOf(name));
  }

  /** In one step, where the broker can. */
  async function pushTogether(...names: string[]): Promise<void> {
    await Promise.all(names.map((name) => broker.push(QUEUE, name, elementOf(name))));
  }

  function elementOf(name: string): Buffer {
    return Buffer.from(prioritised(Number(name[0]), name));
  }

  async function exchange(
    lease: Lease,
    take: number,
    settlements: readonly Settlement[] = [],
  ): Promise<Exchange> {
    return withLease(await lease.exchange(settlements, take));
  }

  async function take(lease: Lease, count: number): Promise<readonly Buffer[]> {
    return (await exchange(lease, count)).taken;
  }

  async function takeOne(lease: Lease): Promise<Buffer> {
    const [taken] = await take(lease, 1);
    if (taken === undefined) throw new Error('Nothing is waiting.');
    return taken;
  }

  const ack = (it: Buffer): Settlement => ({ kind: 'ack', element: it });
  const release = (it: Buffer): Settlement => ({ kind: 'release', element: it });

  function retry(it: Buffer, delayMs: number): Settlement {
    return { kind: 'retry', element: it, replacement: withNextAttempt(it, 'new'), delayMs };
  }

  /** Takes all, one with each call, and returns in which order they came. */
  async function drain(lease: Lease, each = 1): Promise<(string | undefined)[]> {
    const seen: (string | undefined)[] = [];
    for (let taken = await take(lease, each); taken.length > 0;) {
      seen.push(...ids(taken));
      ({ taken } = await exchange(lease, each, taken.map(ack)));
    }
    return seen;
  }

  async function all(): Promise<(string | undefined)[]> {
    return ids(await admin.waiting(QUEUE, 0, 1_000));
  }

  describe('the order', () => {
    test.each([1, 2, 100])(
      'is that of priorities, and of arrival within each (%i at once)',
      async (each) => {
        const lease = await join();
        await push('4a', '0a', '9a', '5a', '9b', '4b', '0b', '5b');
        expect(await drain(lease, each)).toEqual(['9a', '9b', '5a', '5b', '4a', '4b', '0a', '0b']);
        const { levels, waiting } = await world.dump(QUEUE);
        expect([levels.size, waiting]).toEqual([0, []]);
      },
    );

    test('is the same for messages that were sent together', async () => {
      const lease = await join();
      await pushTogether('0a', '9a', '4a', '9b', '0b', '4b');
      expect(await drain(lease)).toEqual(['9a', '9b', '4a', '4b', '0a', '0b']);
    });

    test.each([0, 4, 9])('is that of arrival if all have the priority %i', async (priority) => {
      const lease = await join();
      const names = Array.from({ length: 300 }, (_, n) => `${priority}-${n}`);
      await pushTogether(...names);
      expect(await drain(lease, 7)).toEqual(names);
    });

    test('of the newest first holds within each priority', async () => {
      const lease = await join({ order: 'newestFirst' });
      await push('4a', '9a', '4b', '9b', '0a', '0b', '9c');
      expect(await drain(lease)).toEqual(['9c', '9b', '9a', '4b', '4a', '0b', '0a']);
    });

    test('holds for what a program pushed that knows no priorities', async () => {
      const lease = await join();
      await push('4a', '9a');
      await world.pushForeign(QUEUE, 'plain');
      const [first, second, third] = await take(lease, 3);
      expect(ids([first, second].map((one) => one ?? Buffer.alloc(0)))).toEqual(['9a', '4a']);
      expect(third?.toString()).toBe('plain');
    });
  });

  describe('lower priorities', () => {
    test('have every tenth place in turn while higher ones have some', async () => {
      const lease = await join();
      const many = (priority: number): string[] =>
        Array.from({ length: 60 }, (_, n) => `${priority}-${n}`);
      await pushTogether(...many(9), ...many(4), ...many(1));
      const seen = await drain(lease, 3);
      const firstOf = (priority: number): (string | undefined)[] =>
        seen.flatMap((id, index) => (id?.startsWith(`${priority}-`) ? [`${index + 1}`] : []));
      expect(firstOf(4).slice(0, 3)).toEqual(['10', '30', '50']);
      expect(firstOf(1).slice(0, 3)).toEqual(['20', '40', '60']);
      for (const priority of [9, 4, 1])
        expect(seen.filter((id) => id?.startsWith(`${priority}-`))).toEqual(many(priority));
    });

    test('have it in one large take as well', async () => {
      const lease = await join();
      await pushTogether(...Array.from({ length: 40 }, (_, n) => `9-${n}`), '2a', '2b', '2c');
      const seen = ids(await take(lease, 30));
      expect([seen[9], seen[19], seen[29]]).toEqual(['2a', '2b', '2c']);
    });
  });

  describe('a message that comes back', () => {
    test('after a release is the next of its priority', async () => {
      const lease = await join();
      await push('9a', '9b', '4a', '0a');
      const taken = await take(lease, 3);
      expect(ids(taken)).toEqual(['9a', '9b', '4a']);
      await exchange(lease, 0, taken.map(release));
      await push('9c');
      expect(await drain(lease)).toEqual(['9a', '9b', '9c', '4a', '0a']);
    });

    test('after a retry without a pause is the next of its priority', async () => {
      const lease = await join();
      await push('4a', '9a', '9b', '0a');
      const first = await takeOne(lease);
      await exchange(lease, 0, [retry(first, 0)]);
      expect(await drain(lease)).toEqual(['9a', '9b', '4a', '0a']);
    });

    test('after a retry with a pause is the next of its priority when it is due', async () => {
      const lease = await join();
      await push('4a', '9a', '9b');
      const first = await takeOne(lease);
      await exchange(lease, 0, [retry(first, HOUR_MS)]);
      await world.passTime(HOUR_MS, QUEUE);
      expect(await drain(lease)).toEqual(['9a', '9b', '4a']);
    });

    test('when its consumer leaves is the next of its priority', async () => {
      const [lease, other] = [await join(), await join()];
      await push('9a', '9b', '9c', '4a', '0a');
      expect(ids(await take(other, 4))).toEqual(['9a', '9b', '9c', '4a']);
      await other.leave();
      expect(await drain(lease, 2)).toEqual(['9a', '9b', '9c', '4a', '0a']);
    });

    test.each(['release', 'retry', 'pause', 'leave', 'lateTake'])(
      'does not pass one of a higher priority that came while nothing waited (%s)',
      async (way) => {
        const [lease, other] = [await join(), await join()];
        await push('4a');
        const held = await takeOne(other);
        await push('9a');
        if (way === 'leave') await other.leave();
        else if (way === 'lateTake') {
          await world.endLease(QUEUE, other.consumer);
          await exchange(other, 0, [ack(held)]);
          await lease.reclaim(other.consumer, (await world.leaseEnds(QUEUE)).get(other.consumer));
          await drain(lease);
          await push('4a');
          await world.lateTake(QUEUE, other.consumer);
          await push('9a');
          await lease.reclaim(other.consumer);
          world.expectFenced();
        } else if (way === 'release') await exchange(other, 0, [release(held)]);
        else await exchange(other, 0, [retry(held, way === 'retry' ? 0 : HOUR_MS)]);
        if (way === 'pause') await world.passTime(HOUR_MS, QUEUE);
        await push('6a', '5a');
        expect(await drain(lease)).toEqual(['9a', '6a', '5a', '4a']);
      },
    );

    test('stays in front of one of a lower priority that came while nothing waited', async () => {
      const lease = await join();
      await push('4a');
      const held = await takeOne(lease);
      await push('0a');
      await exchange(lease, 0, [release(held)]);
      expect(await drain(lease)).toEqual(['4a', '0a']);
    });

    test('passes one of its own priority that came while nothing waited', async () => {
      const lease = await join();
      await push('9a');
      const held = await takeOne(lease);
      await push('9b');
      await exchange(lease, 0, [release(held)]);
      expect(await drain(lease)).toEqual(['9a', '9b']);
    });

    test('does not pass one in front if the newest come first', async () => {
      const lease = await join({ order: 'newestFirst' });
      await push('4a');
      const held = await takeOne(lease);
      await push('9a');
      await exchange(lease, 0, [release(held)]);
      expect(await drain(lease)).toEqual(['9a', '4a']);
    });

    test('from a crash is a suspect, whatever its priority', async () => {
      const [lease, other] = [await join(), await join()];
      await push('0a', '9a');
      expect(ids([await takeOne(other)])).toEqual(['9a']);
      await world.endLease(QUEUE, other.consumer);
      await lease.reclaim(other.consumer, (await world.leaseEnds(QUEUE)).get(other.consumer));
      const { suspects } = await world.dump(QUEUE);
      expect(suspects.map((one) => decodeElement(one).priority)).toEqual([9]);
      world.expectFenced();
    });

    test('from a redrive goes to the end of its priority', async () => {
      const lease = await join();
      await push('9a', '9b', '4a');
      const first = await takeOne(lease);
      const letter = deadLetterElement(first, FACTS);
      await exchange(lease, 0, [{ kind: 'deadLetter', element: first, replacement: letter }]);
      const part = { from: undefined, offset: 0, count: 1, isNewestFirst: false };
      const dead = await admin.deadLetters(QUEUE, part);
      await admin.redrive(
        QUEUE,
        dead.map((one) => ({ ...one, element: redrivenElement(one.element) })),
      );
      expect(await drain(lease)).toEqual(['9b', '9a', '4a']);
    });
  });

  test('a delayed message is handed out by its priority when it is due', async () => {
    const lease = await join();
    const dueMs = broker.nowMs() + HOUR_MS;
    for (const name of ['0d', '4d', '9d'])
      await broker.push(QUEUE, name, elementOf(name), { dueMs });
    await push('4a', '9a');
    await world.passTime(HOUR_MS + 10, QUEUE);
    const seen = await drain(lease, 10);
    expect(seen.slice(0, 2).toSorted()).toEqual(['9a', '9d']);
    expect(seen.at(-1)).toBe('0d');
  });

  test.each([5, 4, 0])(
    'delayed messages of the priority %i that higher ones keep waiting keep their order',
    async (priority) => {
      const lease = await join();
      const due = [1, 2, 3, 4].map((n) => `${priority}-${n}`);
      for (const [n, name] of due.entries())
        await broker.push(QUEUE, name, elementOf(name), {
          dueMs: broker.nowMs() + (n + 1) * HOUR_MS,
        });
      await push('9a', '9b', '9c', `${priority}-0`);
      for (const name of ['9a', '9b', '9c']) {
        await world.passTime(HOUR_MS + 10, QUEUE);
        const first = await takeOne(lease);
        expect(ids([first])).toEqual([name]);
        await exchange(lease, 0, [ack(first)]);
      }
      // Nothing of a higher priority waits any more.
      await world.passTime(HOUR_MS + 10, QUEUE);
      expect(await drain(lease)).toEqual([`${priority}-0`, ...due]);
    },
  );

  test('a delayed message that was moved for another consumer stays in front of later ones', async () => {
    const lease = await join();
    for (const [n, name] of ['4a', '4b'].entries())
      await broker.push(QUEUE, name, elementOf(name), {
        dueMs: broker.nowMs() + (n + 1) * HOUR_MS,
      });
    await world.passTime(HOUR_MS + 10, QUEUE);
    await exchange(lease, 0);
    await push('9a');
    await world.passTime(HOUR_MS + 10, QUEUE);
    expect(ids(await take(lease, 1))).toEqual(['9a']);
    expect(await drain(lease)).toEqual(['4a', '4b']);
  });

  test('a retry that is due comes first in its priority while higher ones wait', async () => {
    const lease = await join();
    await push('4a', '0a');
    const [one, other] = await take(lease, 2);
    if (one === undefined || other === undefined) throw new Error('There are no two messages.');
    await exchange(lease, 0, [retry(one, HOUR_MS), retry(other, HOUR_MS)]);
    await push('9a', '9b', '4b', '0b');
    await world.passTime(HOUR_MS + 10, QUEUE);
    expect(await drain(lease)).toEqual(['9a', '9b', '4a', '4b', '0a', '0b']);
  });

  test('priorities order keys, not the messages of one key', async () => {
    const lease = await join();
    const keyed = async (name: string, key: string): Promise<unknown> =>
      broker.push(QUEUE, name, prioritised(Number(name[0]), name, key));
    await keyed('0a', 'a');
    await keyed('9a', 'a');
    await keyed('4b', 'b');
    await keyed('9c', 'c');
    await push('4-', '5-');
    expect(ids(await take(lease, 3))).toEqual(['9c', '5-', '4b']);
    const rest = await take(lease, 10);
    expect(ids(rest)).toEqual(['4-', '0a']);
    const first = rest.filter((one) => decodeElement(one).id === '0a');
    expect(ids((await exchange(lease, 10, first.map(ack))).taken)).toEqual(['9a']);
  });

  test('the next of a key goes to the end of its own priority', async () => {
    const lease = await join();
    for (const name of ['4a', '9b', '0c'])
      await broker.push(QUEUE, name, prioritised(Number(name[0]), name, 'k'));
    await push('4x', '9x', '0x');
    expect(await drain(lease)).toEqual(['9x', '4a', '9b', '4x', '0x', '0c']);
  });

  describe('a consumer that waits', () => {
    test.each([0, 9])('is woken by a lone message of the priority %i', async (priority) => {
      const lease = await join();
      const wait = lease.wait(NEVER);
      await eventually(async () => expect(await world.countWaits()).toBe(1));
      await push(`${priority}a`);
      expect(ids([await brought(wait)])).toEqual([`${priority}a`]);
    });

    test('hears of messages that do not reach it by itself', async () => {
      const lease = await join();
      const news: unknown[] = [];
      const other = await join({}, () => news.push('woken'), await world.open());
      const wait = lease.wait(NEVER);
      await eventually(async () => expect(await world.countWaits()).toBe(1));
      await pushTogether('9a', '9b', '0a');
      await brought(wait);
      // One broker sends all in one step, the other one by one.
      await eventually(async () => {
        const { waiting, levels } = await world.dump(QUEUE);
        expect(waiting.length > 0 || levels.size === 0 || news.length > 0).toBe(true);
      });
      expect((await drain(other)).length).toBe(2);
    });

    test('gets what others left in lists that nobody waits for', async () => {
      const [lease, other] = [await join(), await join()];
      await push('9a', '9b', '9c', '9d');
      await world.lateTake(QUEUE, other.consumer);
      const wait = lease.wait(NEVER);
      await eventually(async () => expect(await world.countWaits()).toBe(1));
      // Whoever exchanges next sees to it.
      expect(ids(await take(other, 1))).toEqual(['9b']);
      expect(ids([await brought(wait)])).toEqual(['9c']);
      expect(ids(await take(lease, 1))).toEqual(['9d']);
    });

    test('is told if more is left than one that waits can get', async () => {
      const news: unknown[] = [];
      await join({}, () => news.push('woken'), await world.open());
      const other = await join();
      await push('9a', '9b', '9c', '9d');
      await world.lateTake(QUEUE, other.consumer);
      await take(other, 1);
      await eventually(() => expect(news).toEqual(['woken']));
    });
  });

  describe('limits', () => {
    test('bound what is taken of all priorities together', async () => {
      const limit = { running: 2, rate: undefined, perMs: 1_000 };
      const lease = await join({ limit });
      await push('0a', '9a', '9b', '4a');
      const { taken, limited } = await exchange(lease, 10);
      expect(ids(taken)).toEqual(['9a', '9b']);
      expect(limited).toMatchObject({ inMs: undefined });
      expect(ids((await exchange(lease, 10, taken.map(ack))).taken)).toEqual(['4a', '0a']);
    });

    test('put a message that was taken in vain back to its priority', async () => {
      const limit = { running: 1, rate: undefined, perMs: 1_000 };
      const [one, other] = [await join({ limit }), await join({ limit })];
      await push('4a');
      const held = await takeOne(one);
      const wait = other.wait(NEVER);
      await push('9a');
      expect(Buffer.isBuffer(await wait)).toBe(false);
      await push('4b', '9b');
      await exchange(one, 0, [ack(held)]);
      expect(await drain(other)).toEqual(['9a', '9b', '4b']);
    });

    test('of a queue count messages of all priorities', async () => {
      await broker.noteTerms(QUEUE, { maxLength: '4' });
      await push('9a', '0a', '4a', '9b');
      await expect(push('9c')).rejects.toThrow('4 messages');
      expect(await broker.length(QUEUE)).toEqual({ length: 4, maxLength: 4 });
      await admin.purge(QUEUE, 'all');
    });
  });

  describe('those who look', () => {
    test('see how many of each priority wait, in the order in which they are taken', async () => {
      await push('9a', '0a', '9b', '4a', '4b', '0b');
      const counted = { waiting: 6, byPriority: { 9: 2, 4: 2, 0: 2 } };
      expect(await admin.lengths(QUEUE)).toMatchObject(counted);
      expect(await admin.look(QUEUE)).toMatchObject(counted);
      expect(await all()).toEqual(['9a', '9b', '4a', '4b', '0a', '0b']);
      expect(ids(await admin.waiting(QUEUE, 1, 4))).toEqual(['9b', '4a', '4b', '0a']);
      expect(ids(await admin.waiting(QUEUE, 5, 4))).toEqual(['0b']);
      await admin.purge(QUEUE, 'all');
    });

    test('see a lone message', async () => {
      await push('9a');
      expect((await admin.lengths(QUEUE)).byPriority).toEqual({ 9: 1 });
      expect(await all()).toEqual(['9a']);
      await admin.purge(QUEUE, 'all');
      expect((await admin.lengths(QUEUE)).byPriority).toEqual({});
    });

    test('find and remove a message of any priority', async () => {
      await push('4a', '9a', '9b', '0a');
      for (const name of ['9b', '0a', '9a', '4a']) {
        const found = await admin.find(QUEUE, name);
        expect(found?.place).toBe('waiting');
        expect(await admin.remove(QUEUE, elementOf(name))).toBe(true);
        expect(await admin.remove(QUEUE, elementOf(name))).toBe(false);
      }
      expect(await all()).toEqual([]);
      expect((await world.dump(QUEUE)).levels.size).toBe(0);
    });
  });

  describe('a purge', () => {
    test.each(['waiting', 'all'] as const)('of %s removes all priorities', async (what) => {
      const lease = await join();
      await push('9a', '9b', '4a', '0a');
      const held = await take(lease, 1);
      expect(await admin.purge(QUEUE, what)).toBe(3);
      expect(await all()).toEqual([]);
      await exchange(lease, 0, held.map(ack));
      await push('0a');
      expect(await drain(lease)).toEqual(['0a']);
    });

    test('removes more than one call can, with parked bodies and keys', async () => {
      const names = Array.from({ length: 2_500 }, (_, n) => `${[9, 4, 0][n % 3]}-${n}`);
      await pushTogether(...names);
      await broker.push(QUEUE, '9k', prioritised(9, '9k', 'k'));
      expect(await admin.purge(QUEUE, 'all')).toBe(2_501);
      const { levels, out } = await world.dump(QUEUE);
      expect([levels.size, out.size]).toEqual([0, 0]);
    });
  });

  test('a message that is removed in front leaves the next one where blocked consumers see it', async () => {
    const lease = await join();
    await push('4a', '9a', '9b');
    expect(await admin.remove(QUEUE, elementOf('4a'))).toBe(true);
    expect(ids([await brought(lease.wait(NEVER))])).toEqual(['9a']);
  });

  test('copies for groups go by their priority, for each group by itself', async () => {
    const pattern = 'order.placed';
    await broker.declare({ pattern, groups: ['mail', 'stock'] });
    for (const name of ['4a', '0a', '9a', '9b', '4b'])
      await broker.publish(pattern, name, elementOf(name));
    for (const group of ['mail', 'stock']) {
      const queue = `@${group}/${pattern}`;
      expect(ids(await admin.waiting(queue, 0, 10))).toEqual(['9a', '9b', '4a', '4b', '0a']);
      expect((await admin.events.retire(queue, 'drop')).dropped).toBe(5);
    }
  });
}
