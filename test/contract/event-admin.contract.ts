import { beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { EventAdminBroker } from '../../libs/redis-queue-transport/src/core/admin/event-admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { brief } from '../support/brief.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld } from './broker-world.js';
import { element, ids } from './elements.js';

const PATTERN = 'order.placed';
const QUEUE = `@billing/${PATTERN}`;
const TERMS = {
  leaseMs: 30_000,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 60_000,
  waitMs: 200,
};

/** How groups and histories are managed. To be called within a `describe`. */
export function eventAdminContract(world: BrokerWorld): void {
  let broker: Broker;
  let admin: AdminBroker;
  let events: EventAdminBroker;

  beforeEach(async () => {
    broker = await world.open();
    admin = world.openAdmin();
    ({ events } = admin);
  });

  async function publish(...names: string[]): Promise<string[]> {
    const published = await Promise.all(
      names.map((name) => broker.publish(PATTERN, name, element(name))),
    );
    return published.map(({ historyId }) => historyId ?? '');
  }

  async function waitingIds(queue = QUEUE): Promise<(string | undefined)[]> {
    return ids((await world.dump(queue)).waiting);
  }

  /** Ids of a part of the history. */
  async function listed(
    from: string | undefined,
    count: number,
    isNewestFirst = false,
  ): Promise<(string | undefined)[]> {
    const part = await events.history(PATTERN, { from, count, isNewestFirst });
    return ids(part.map((entry) => entry.element));
  }

  describe('the index', () => {
    test('is empty where nobody wants events', async () => {
      expect(await events.index()).toMatchObject({ queues: [], listeners: [], histories: [] });
    });

    test('has the groups, the wildcards with listeners and the histories', async () => {
      await broker.declare({ pattern: 'order.*', groups: ['mail'], history: { maxAgeMs: 5_000 } });
      const lease = await broker.join(QUEUE, { ...TERMS, subscription: {} }, () => undefined);
      await broker.subscribe(['stock.#', 'plain'], () => undefined);

      const index = await events.index();

      expect(index.queues).toEqual([QUEUE, '@mail/order.*']);
      expect(index.listeners).toEqual(['stock.#']);
      expect(index.histories).toEqual([{ pattern: 'order.*', maxAgeMs: 5_000 }]);
      expect(index.isHeard('plain')).toBe(true);
      expect(index.isHeard('other')).toBe(false);
      await lease.leave();
    });
  });

  describe('declare', () => {
    test('begins groups and histories, of which emitters hear', async () => {
      await publish('before');
      await events.declare({ pattern: PATTERN, groups: ['billing'], history: { maxLength: 5 } });
      const [a] = await publish('a');
      expect(await waitingIds()).toEqual(['a']);
      expect(a).not.toBe('');
      expect(await listed(undefined, 10)).toEqual(['a']);
      expect(await admin.queues()).toContain(QUEUE);
    });
  });

  describe('retire', () => {
    beforeEach(() => broker.declare({ pattern: PATTERN, groups: ['billing', 'mail'] }));

    test('ends the copies, also of an emitter that knew the group, and drops what waits', async () => {
      await publish('a', 'b');
      await broker.push(QUEUE, 'later', element('later'), { dueMs: broker.nowMs() + 60_000 });

      expect(await events.retire(QUEUE, 'drop')).toEqual({ wasThere: true, dropped: 3 });

      await publish('c');
      expect(await waitingIds()).toEqual([]);
      expect((await world.dump(QUEUE)).delayed).toEqual([]);
      expect(await waitingIds(`@mail/${PATTERN}`)).toEqual(['a', 'b', 'c']);
      expect((await events.index()).queues).toEqual([`@mail/${PATTERN}`]);
      expect(await admin.queues()).not.toContain(QUEUE);
      expect(await events.retire(QUEUE, 'drop')).toEqual({ wasThere: false, dropped: 0 });
    });

    test('keeps what waits where that is wanted, to be dropped later', async () => {
      await publish('a', 'b');
      expect(await events.retire(QUEUE, 'keep')).toEqual({ wasThere: true, dropped: 0 });
      await publish('c');
      expect(await waitingIds()).toEqual(['a', 'b']);
      expect(await admin.queues()).toContain(QUEUE);
      expect(await events.retire(QUEUE, 'drop')).toEqual({ wasThere: false, dropped: 2 });
      expect(await waitingIds()).toEqual([]);
    });

    test('drops suspects too, and bodies that are parked', async () => {
      await world.pushSuspects(QUEUE, element('s'));
      await broker.publish(PATTERN, 'large', element('large', `"${'x'.repeat(150_000)}"`));
      world.expectParked();
      expect((await world.dump(QUEUE)).parked).toHaveLength(1);
      expect(await events.retire(QUEUE, 'drop')).toEqual({ wasThere: true, dropped: 2 });
      expect((await world.dump(QUEUE)).parked).toEqual([]);
      expect((await world.dump(QUEUE)).suspects).toEqual([]);
      expect((await world.dump(`@mail/${PATTERN}`)).parked).toHaveLength(1);
    });

    test('drops any number', async () => {
      world.expectParked();
      await publish(...Array.from({ length: 1_500 }, (_, index) => `m${index}`));
      await broker.publish(PATTERN, 'large', element('large', `"${'x'.repeat(150_000)}"`));
      expect(await events.retire(QUEUE, 'drop')).toEqual({ wasThere: true, dropped: 1_501 });
    });

    test('forgets how far a replica that died had filled a new group', async () => {
      await broker.declare({ pattern: PATTERN, history: { maxLength: 10 } });
      const [a] = await publish('a', 'b');
      const queue = `@late/${PATTERN}`;
      await world.stopFilling(queue, a!);
      await events.retire(queue, 'drop');
      const subscription = { from: 'earliest' };
      const lease = await broker.join(queue, { ...TERMS, subscription }, () => undefined);
      expect(await waitingIds(queue)).toEqual(['a', 'b']);
      await lease.leave();
    });

    test('leaves a queue with dead letters among the queues', async () => {
      const lease = await broker.join(QUEUE, { ...TERMS, subscription: {} }, () => undefined);
      await publish('a');
      const exchange = await lease.exchange([], 1);
      const [a] = exchange === 'leaseLost' ? [] : exchange.taken;
      await lease.exchange([{ kind: 'deadLetter', element: a!, replacement: a! }], 0);
      await lease.leave();
      await events.retire(QUEUE, 'drop');
      expect(await admin.queues()).toContain(QUEUE);
    });
  });

  describe('endHistory', () => {
    beforeEach(() => broker.declare({ pattern: PATTERN, history: { maxLength: 10 } }));

    test('keeps nothing more, also of an emitter that knew the history, and drops what it had', async () => {
      await publish('a', 'b');
      expect(await events.endHistory(PATTERN, 'drop')).toEqual({ wasThere: true, dropped: 2 });
      expect(await publish('c')).toEqual(['']);
      expect(await listed(undefined, 10)).toEqual([]);
      expect((await events.index()).histories).toEqual([]);
      expect(await events.endHistory(PATTERN, 'drop')).toEqual({ wasThere: false, dropped: 0 });
    });

    test('keeps what it had where that is wanted, to be dropped later', async () => {
      await publish('a', 'b');
      expect(await events.endHistory(PATTERN, 'keep')).toEqual({ wasThere: true, dropped: 0 });
      await publish('c');
      expect(await listed(undefined, 10)).toEqual(['a', 'b']);
      expect(await events.endHistory(PATTERN, 'drop')).toEqual({ wasThere: false, dropped: 2 });
      expect(await listed(undefined, 10)).toEqual([]);
    });

    test.each([
      ['drop', [3]],
      ['keep', [1, 2, 3]],
    ] as const)('with %s, and declared again, goes on with its numbers', async (entries, after) => {
      await publish('a', 'b');
      await events.endHistory(PATTERN, entries);
      await events.declare({ pattern: PATTERN, history: { maxLength: 10 } });
      await publish('c');
      const part = { from: undefined, count: 10, isNewestFirst: false };
      expect((await events.history(PATTERN, part)).map(({ number }) => number)).toEqual(after);
    });

    test('leaves the history of a wildcard alone', async () => {
      await broker.declare({ pattern: 'order.*', history: { maxLength: 10 } });
      await events.endHistory(PATTERN, 'drop');
      await publish('a');
      const part = { from: undefined, count: 10, isNewestFirst: false };
      expect(await events.history('order.*', part)).toHaveLength(1);
    });
  });

  describe('forgetListeners', () => {
    test('ends what is published to a wildcard', async () => {
      const heard: string[] = [];
      await broker.subscribe(['order.*', PATTERN], (pattern) => heard.push(pattern));
      expect(await events.forgetListeners('order.*')).toBe(true);
      expect(await broker.publish(PATTERN, 'a', element('a'))).toMatchObject({ listeners: 1 });
      await eventually(() => expect(heard).toEqual([PATTERN]));
      expect((await events.index()).listeners).toEqual([]);
      expect(await events.forgetListeners('order.*')).toBe(false);
    });

    test('of a plain pattern leaves its listeners their events', async () => {
      await broker.subscribe([PATTERN], () => undefined);
      expect(await events.forgetListeners(PATTERN)).toBe(true);
      expect((await events.index()).isHeard(PATTERN)).toBe(false);
      expect(await broker.publish(PATTERN, 'a', element('a'))).toMatchObject({ listeners: 1 });
    });
  });

  describe('history', () => {
    let entries: string[];

    beforeEach(async () => {
      await broker.declare({ pattern: PATTERN, history: { maxLength: 10 } });
      entries = await publish('a', 'b', 'c', 'd');
    });

    test('lists from the oldest, or from an entry on', async () => {
      expect(await listed(undefined, 2)).toEqual(['a', 'b']);
      expect(await listed(entries[2], 10)).toEqual(['c', 'd']);
      expect(await listed(entries[3], 10)).toEqual(['d']);
    });

    test('lists from the newest, or from an entry back', async () => {
      expect(await listed(undefined, 2, true)).toEqual(['d', 'c']);
      expect(await listed(entries[1], 10, true)).toEqual(['b', 'a']);
    });

    test('lists from a time on, and back from it', async () => {
      const lastMs = entries[3]!.split('-')[0]!;
      expect(await listed('0', 10)).toEqual(['a', 'b', 'c', 'd']);
      expect(await listed(String(Number(lastMs) + 1), 10)).toEqual([]);
      expect(await listed('1', 10, true)).toEqual([]);
    });

    test('has places and numbers', async () => {
      const part = { from: undefined, count: 10, isNewestFirst: true };
      const shown = (await events.history(PATTERN, part)).map(({ entry, number }) => [
        entry,
        number,
      ]);
      expect(shown).toEqual(entries.map((entry, index) => [entry, index + 1]).reverse());
    });

    test('of a pattern that is not kept is empty', async () => {
      const part = { from: undefined, count: 10, isNewestFirst: false };
      expect(await events.history('other', part)).toEqual([]);
    });

    test('has a last entry, up to a bound too', async () => {
      expect(await events.lastEntry(PATTERN, undefined)).toBe(entries[3]);
      expect(await events.lastEntry(PATTERN, entries[1])).toBe(entries[1]);
      expect(await events.lastEntry(PATTERN, '1-0')).toBeUndefined();
      expect(await events.lastEntry('other', undefined)).toBeUndefined();
    });
  });

  describe('replay', () => {
    /** Repeats steps until nothing more is left; returns how many each has replayed. */
    async function replay(from: string, to: string): Promise<number[]> {
      const steps: number[] = [];
      for (let next: string | undefined = from; next !== undefined;) {
        const step = await events.replay(PATTERN, QUEUE, { from: next, to });
        steps.push(step.replayed);
        next = step.next;
      }
      return steps;
    }

    const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

    test('adds a part of a history at the tail, and leaves the history alone', async () => {
      await broker.declare({ pattern: PATTERN, history: { maxLength: 10 }, groups: ['billing'] });
      const entries = await publish('a', 'b', 'c', 'd');
      expect(sum(await replay(entries[1]!, entries[2]!))).toBe(2);
      expect(await waitingIds()).toEqual(['a', 'b', 'c', 'd', 'b', 'c']);
      expect(await listed(undefined, 10)).toEqual(['a', 'b', 'c', 'd']);
    });

    test('takes several steps for many, and keeps their order', async () => {
      await broker.declare({ pattern: PATTERN, history: { maxLength: 5_000 } });
      const names = Array.from({ length: 2_500 }, (_, index) => `m${index}`);
      const entries = await publish(...names);
      const steps = await replay('earliest', entries.at(-1)!);
      expect(steps.length).toBeGreaterThan(2);
      expect(sum(steps)).toBe(2_500);
      expect(brief(await waitingIds())).toEqual(brief(names));
    });

    test('of nothing replays nothing', async () => {
      expect(await events.replay(PATTERN, QUEUE, { from: 'earliest', to: '5-0' })).toEqual({
        replayed: 0,
        next: undefined,
      });
    });

    test('passes over what another program put into the history', async () => {
      await broker.declare({ pattern: PATTERN, history: { maxLength: 10 } });
      await publish('a');
      await world.pushForeignEntry(PATTERN);
      const [b] = await publish('b');
      expect(sum(await replay('earliest', b!))).toBe(2);
      expect(await waitingIds()).toEqual(['a', 'b']);
    });
  });
}
