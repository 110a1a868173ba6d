import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker, Published } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { brief } from '../support/brief.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld } from './broker-world.js';
import { element, ids } from './elements.js';

const TERMS = {
  leaseMs: 30_000,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 60_000,
  waitMs: 200,
};

/** What every broker does with events of which groups get copies. Call it within a `describe`. */
export function eventsContract(world: BrokerWorld): void {
  let broker: Broker;
  let joined: Lease[];

  beforeEach(async () => {
    joined = [];
    broker = await world.open();
  });

  afterEach(() => Promise.allSettled(joined.map((lease) => lease.leave())));

  async function join(queue: string, member = broker): Promise<Lease> {
    const subscription = queue.startsWith('@') ? {} : undefined;
    const lease = await member.join(queue, { ...TERMS, subscription }, () => undefined);
    joined.push(lease);
    return lease;
  }

  function publish(pattern: string, id: string, deduplicateMs?: number): Promise<Published> {
    return broker.publish(pattern, id, element(id), { deduplicateMs });
  }

  async function waitingIds(queue: string): Promise<(string | undefined)[]> {
    return ids((await world.dump(queue)).waiting);
  }

  /** Listens live. Returns an array that fills with what comes, as "pattern id". */
  async function listen(...patterns: string[]): Promise<string[]> {
    const heard: string[] = [];
    const subscriber = await world.open();
    await subscriber.subscribe(patterns, (pattern, bytes) =>
      heard.push(`${pattern} ${ids([bytes]).join()}`),
    );
    return heard;
  }

  describe('a group', () => {
    test('gets one copy, no matter which of its replicas takes it', async () => {
      const replicas = [await join('@billing/order.placed'), await join('@billing/order.placed')];
      await publish('order.placed', 'a');
      const taken = [];
      for (const lease of replicas) {
        const reply = await lease.exchange([], 10);
        if (reply !== 'leaseLost') taken.push(...reply.taken);
      }
      expect(ids(taken)).toEqual(['a']);
    });

    test('gets no events of other patterns, and none from before it joined', async () => {
      await publish('order.placed', 'before');
      await join('@billing/order.placed');
      await publish('order.paid', 'other');
      expect(await waitingIds('@billing/order.placed')).toEqual([]);
    });

    test('gets events of a publisher that did not know of the group', async () => {
      const publisher = await world.open();
      await publisher.publish('order.placed', 'a', element('a'));
      for (const group of ['billing', 'mail', 'stock']) {
        await join(`@${group}/order.placed`, await world.open());
        await publisher.publish('order.placed', group, element(group));
      }
      expect(await waitingIds('@billing/order.placed')).toEqual(['billing', 'mail', 'stock']);
      expect(await waitingIds('@mail/order.placed')).toEqual(['mail', 'stock']);
      expect(await waitingIds('@stock/order.placed')).toEqual(['stock']);
    });

    test('still gets copies after all its replicas have left', async () => {
      const lease = await join('@billing/order.placed');
      await lease.leave();
      expect(await publish('order.placed', 'a')).toMatchObject({ groups: 1 });
      expect(await waitingIds('@billing/order.placed')).toEqual(['a']);
    });

    test('gets everything in order, even if the publisher learns of the group in the middle', async () => {
      await publish('order.placed', 'first');
      const publisher = await world.open();
      await publisher.publish('order.placed', 'warm', element('warm'));
      await join('@billing/order.placed');
      const names = Array.from({ length: 1_200 }, (_, index) => `m${index}`);
      const sent: Promise<unknown>[] = [];
      for (const [index, name] of names.entries()) {
        sent.push(publisher.publish('order.placed', name, element(name)));
        // Spread over several turns of the event loop, so several calls are under way at once.
        if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(sent);
      expect(await waitingIds('@billing/order.placed')).toEqual(names);
    });

    test('is counted once, however many of its subscriptions match', async () => {
      await join('@billing/order.placed');
      await join('@billing/order.*');
      await join('@mail/order.placed');
      expect(await publish('order.placed', 'a')).toMatchObject({ groups: 2, listeners: 0 });
      expect(await waitingIds('@billing/order.placed')).toEqual(['a']);
      expect(await waitingIds('@billing/order.*')).toEqual(['a']);
      expect(await waitingIds('@mail/order.placed')).toEqual(['a']);
    });

    test('does not take events from live listeners', async () => {
      const heard = await listen('order.placed');
      await join('@billing/order.placed');
      expect(await publish('order.placed', 'a')).toEqual({
        groups: 1,
        listeners: 1,
        isDuplicate: false,
        historyId: undefined,
      });
      await eventually(() => expect(heard).toEqual(['order.placed a']));
    });
  });

  describe('declare', () => {
    test('lets groups get copies before they first join', async () => {
      await broker.declare({ pattern: 'order.placed', groups: ['billing', 'mail'] });
      expect(await publish('order.placed', 'a')).toMatchObject({ groups: 2 });
      expect(await waitingIds('@billing/order.placed')).toEqual(['a']);
      expect(await waitingIds('@mail/order.placed')).toEqual(['a']);
    });

    test('of a process is made good when all was lost, as soon as it joins a queue again', async () => {
      await broker.declare({
        pattern: 'order.placed',
        groups: ['mail'],
        history: { maxLength: 5 },
      });
      await broker.subscribe(['order.*'], () => undefined);
      const lost = await join('@billing/order.placed');
      await world.loseAll();
      expect(await lost.renew()).toBe('leaseLost');
      expect(await publish('order.placed', 'nobody')).toMatchObject({ groups: 0 });

      await join('@billing/order.placed');

      expect(await publish('order.placed', 'a')).toEqual({
        groups: 2,
        listeners: 1,
        isDuplicate: false,
        historyId: expect.any(String) as unknown,
      });
      expect(await waitingIds('@mail/order.placed')).toEqual(['a']);
    });

    test('stays as another process has changed it when a queue is joined again', async () => {
      await broker.declare({ pattern: 'order.placed', history: { maxLength: 5 } });
      await join('work');
      const changed = { pattern: 'order.placed', history: { maxLength: 9 } };
      await (await world.open()).declare(changed);
      await join('work');
      const { histories } = await world.openAdmin().events.index();
      expect(histories).toEqual([{ pattern: 'order.placed', maxLength: 9 }]);
    });

    test('may be called again', async () => {
      const declaration = { pattern: 'order.placed', groups: ['billing'] };
      await broker.declare(declaration);
      await publish('order.placed', 'a');
      await broker.declare(declaration);
      expect(await waitingIds('@billing/order.placed')).toEqual(['a']);
    });
  });

  describe('publish with a window', () => {
    test('gives each group one copy for each id, and tells live listeners once', async () => {
      const heard = await listen('order.placed');
      await join('@billing/order.placed');
      const first = await publish('order.placed', 'a', 60_000);
      const second = await publish('order.placed', 'a', 60_000);
      expect([first.isDuplicate, second.isDuplicate]).toEqual([false, true]);
      expect(second).toMatchObject({ groups: 0, listeners: 0 });
      await publish('order.placed', 'b', 60_000);
      expect(await waitingIds('@billing/order.placed')).toEqual(['a', 'b']);
      await eventually(() => expect(heard).toEqual(['order.placed a', 'order.placed b']));
    });

    test('returns an answer for each of several events that are published together', async () => {
      await join('@billing/order.placed');
      const published = await Promise.all([
        publish('order.placed', 'a', 60_000),
        publish('order.placed', 'b'),
        publish('order.placed', 'a', 60_000),
        publish('order.placed', 'b'),
      ]);
      expect(published.map(({ isDuplicate }) => isDuplicate)).toEqual([false, false, true, false]);
      expect(await waitingIds('@billing/order.placed')).toEqual(['a', 'b', 'b']);
    });

    test('does not remember the id of an event that nobody got', async () => {
      await publish('order.placed', 'a', 60_000);
      await join('@billing/order.placed');
      expect(await publish('order.placed', 'a', 60_000)).toMatchObject({
        isDuplicate: false,
        groups: 1,
      });
    });

    test('forgets the id after the window', async () => {
      await join('@billing/order.placed');
      await publish('order.placed', 'a', 100);
      await eventually(async () => {
        expect(await publish('order.placed', 'a', 100)).toMatchObject({ isDuplicate: false });
      });
    });
  });

  describe('a large event', () => {
    const LARGE = `"${'x'.repeat(150_000)}"`;

    beforeEach(() => world.expectParked());

    test('is given whole to listeners, and its copies to groups have a parked body each', async () => {
      const whole: string[] = [];
      const subscriber = await world.open();
      await subscriber.subscribe(['order.placed'], (_, bytes) => whole.push(bytes.toString()));
      const queues = ['@billing/order.placed', '@mail/order.placed'];
      const leases = await Promise.all(queues.map((queue) => join(queue)));

      await Promise.all([
        publish('order.placed', 'a'),
        broker.publish('order.placed', 'large', element('large', LARGE)),
        publish('order.placed', 'b'),
      ]);

      for (const [index, lease] of leases.entries()) {
        expect(await waitingIds(queues[index]!)).toEqual(['a', 'large', 'b']);
        const { waiting, parked, parkedEver } = await world.dump(queues[index]!);
        expect({ parked: parked.length, parkedEver }).toEqual({ parked: 1, parkedEver: 1 });
        expect(waiting[1]!.length).toBeLessThan(1_000);
        const body = await lease.parkedBody(parked[0]!);
        expect(brief(String(body))).toEqual(brief(LARGE));
      }
      await eventually(() => expect(whole).toHaveLength(3));
      expect(brief(whole[1])).toEqual(brief(String(element('large', LARGE))));
    });

    test('that is larger still keeps its place', async () => {
      const huge = `"${'x'.repeat(1_500_000)}"`;
      const heard = await listen('order.placed');
      await join('@billing/order.placed');
      await Promise.all([
        publish('order.placed', 'a'),
        broker.publish('order.placed', 'large', element('large', huge), { deduplicateMs: 60_000 }),
        broker.publish('order.placed', 'large', element('large', huge), { deduplicateMs: 60_000 }),
        publish('order.placed', 'b'),
      ]);
      expect(await waitingIds('@billing/order.placed')).toEqual(['a', 'large', 'b']);
      expect((await world.dump('@billing/order.placed')).parked).toHaveLength(1);
      await eventually(() =>
        expect(heard).toEqual(['order.placed a', 'order.placed large', 'order.placed b']),
      );
    });
  });

  describe('a wildcard', () => {
    test.each([
      ['order.*', ['order.placed', 'order.'], ['order', 'order.placed.late', 'orders.placed']],
      ['order.#', ['order', 'order.placed', 'order.placed.late'], ['orders', 'my.order']],
      ['*.placed', ['order.placed', '.placed'], ['placed', 'my.order.placed']],
      ['*', ['order', 'a b'], ['order.placed', '{"cmd":"sum"}']],
      ['#', ['order', 'order.placed'], ['{"cmd":"sum"}']],
      ['order.pl*', ['order.pl*'], ['order.placed']],
    ])('%s matches these patterns and not those', async (filter, meant, others) => {
      await join(`@billing/${filter}`);
      const heard = await listen(filter);
      for (const pattern of [...meant, ...others]) await publish(pattern, pattern);
      expect(await waitingIds(`@billing/${filter}`)).toEqual(meant);
      await eventually(() => expect(heard).toEqual(meant.map((pattern) => `${filter} ${pattern}`)));
    });

    test('that overlaps with another pattern gets a delivery of its own', async () => {
      const heard = await listen('order.*', 'order.placed', '#');
      expect(await publish('order.placed', 'a')).toMatchObject({ listeners: 3 });
      await eventually(() =>
        expect(heard.toSorted()).toEqual(['# a', 'order.* a', 'order.placed a']),
      );
    });

    test('that a listener adds after the publisher has read the index gets the next event', async () => {
      await publish('order.placed', 'before');
      const heard = await listen('order.*');
      expect(await publish('order.placed', 'a')).toMatchObject({ listeners: 1 });
      await eventually(() => expect(heard).toEqual(['order.* a']));
    });
  });
}
