import { beforeEach, describe, expect, test } from '@jest/globals';
import type {
  EventAdminBroker,
  HistoryElement,
} from '../../libs/redis-queue-transport/src/core/admin/event-admin-broker.js';
import type { Broker, Published } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { HistoryBounds } from '../../libs/redis-queue-transport/src/core/events/event-index.js';
import { brief } from '../support/brief.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld } from './broker-world.js';
import { element, ids } from './elements.js';

const PATTERN = 'order.placed';

/** What every broker keeps of events. To be called within a `describe`. */
export function historiesContract(world: BrokerWorld): void {
  let broker: Broker;
  let events: EventAdminBroker;

  beforeEach(async () => {
    broker = await world.open();
    events = world.openAdmin().events;
  });

  function keep(bounds: HistoryBounds, pattern = PATTERN): Promise<void> {
    return broker.declare({ pattern, history: bounds });
  }

  async function publish(...names: string[]): Promise<Published[]> {
    return Promise.all(names.map((name) => broker.publish(PATTERN, name, element(name))));
  }

  function all(pattern = PATTERN): Promise<readonly HistoryElement[]> {
    return events.history(pattern, { from: undefined, count: 10_000, isNewestFirst: false });
  }

  /** What is kept, as "number id". */
  async function kept(pattern = PATTERN): Promise<string[]> {
    return (await all(pattern)).map(({ number, element: bytes }) => `${number} ${ids([bytes])[0]}`);
  }

  describe('a history', () => {
    test('keeps events in order, and counts them from 1', async () => {
      await keep({ maxLength: 10 });
      await publish('a');
      await publish('b', 'c');
      expect(await kept()).toEqual(['1 a', '2 b', '3 c']);
    });

    test('gives each event a place in the form of an entry of a stream, later ones a later place', async () => {
      await keep({ maxLength: 10 });
      const published = await publish('a', 'b', 'c');
      const places = published.map(({ historyId }) => historyId ?? '');
      for (const place of places) expect(place).toMatch(/^\d+-\d+$/);
      expect((await all()).map(({ entry }) => entry)).toEqual(places);
      const times = places.map((place) => Number(place.split('-')[0]));
      for (const time of times) expect(Math.abs(time - broker.nowMs())).toBeLessThan(60_000);
      expect(new Set(places).size).toBe(3);
      expect(places.toSorted(comparePlaces)).toEqual(places);
    });

    test('keeps the last of them, as many as it may', async () => {
      await keep({ maxLength: 3 });
      await publish('a', 'b', 'c', 'd', 'e');
      expect(await kept()).toEqual(['3 c', '4 d', '5 e']);
    });

    test('drops what is too old with the next event', async () => {
      await keep({ maxAgeMs: 50 });
      await publish('old');
      await eventually(async () => {
        await publish('new');
        expect(await kept()).not.toContain('1 old');
      });
      expect((await all())[0]?.number).toBeGreaterThan(1);
    });

    test('is bounded by number and age at once', async () => {
      await keep({ maxLength: 2, maxAgeMs: 50 });
      await publish('a', 'b', 'c');
      expect((await all()).length).toBeLessThanOrEqual(2);
      await eventually(async () => {
        await publish('new');
        expect(ids((await all()).map(({ element: bytes }) => bytes))).not.toContain('c');
      });
    });

    test('goes by new bounds from the next event on', async () => {
      await keep({ maxLength: 10 });
      await publish('a', 'b', 'c');
      await (await world.open()).declare({ pattern: PATTERN, history: { maxLength: 2 } });
      expect(await kept()).toEqual(['1 a', '2 b', '3 c']);
      await publish('d');
      expect(await kept()).toEqual(['3 c', '4 d']);
    });

    test('has nothing of other patterns, and nothing from before it was declared', async () => {
      expect(await publish('before')).toMatchObject([{ historyId: undefined }]);
      await keep({ maxLength: 10 });
      await broker.publish('order.paid', 'other', element('other'));
      expect(await kept()).toEqual([]);
    });

    test('gets what is published by a process that did not know of it', async () => {
      await publish('before');
      await (await world.open()).declare({ pattern: PATTERN, history: { maxLength: 10 } });
      expect(await publish('a')).toMatchObject([{ historyId: expect.any(String) as unknown }]);
      expect(await kept()).toEqual(['1 a']);
    });

    test('of a wildcard keeps all that it means, beside that of a pattern', async () => {
      await keep({ maxLength: 10 });
      await keep({ maxLength: 10 }, 'order.*');
      const [placed] = await publish('a');
      const paid = await broker.publish('order.paid', 'b', element('b'));
      expect(await kept()).toEqual(['1 a']);
      expect(await kept('order.*')).toEqual(['1 a', '2 b']);
      expect((await all())[0]?.entry).toBe(placed?.historyId);
      expect((await all('order.*'))[1]?.entry).toBe(paid.historyId);
    });

    test('keeps an id once within its window', async () => {
      await keep({ maxLength: 10 });
      const twice = [1, 2].map(() =>
        broker.publish(PATTERN, 'a', element('a'), { deduplicateMs: 60_000 }),
      );
      const [first, second] = await Promise.all(twice);
      expect(first).toMatchObject({ isDuplicate: false, historyId: expect.any(String) as unknown });
      expect(second).toMatchObject({ isDuplicate: true, historyId: undefined });
      expect(await kept()).toEqual(['1 a']);
    });

    test('keeps large events whole', async () => {
      await keep({ maxLength: 10 });
      const body = `"${'x'.repeat(1_500_000)}"`;
      await Promise.all([
        broker.publish(PATTERN, 'large', element('large', body)),
        broker.publish(PATTERN, 'small', element('small')),
      ]);
      expect(await kept()).toEqual(['1 large', '2 small']);
      const [large] = await all();
      expect(brief(large?.element.toString())).toEqual(brief(String(element('large', body))));
    });
  });

  describe('a new group that begins in a history', () => {
    const TERMS = {
      leaseMs: 30_000,
      deadLetterLimit: 10,
      deadLetterMaxAgeMs: 3_600_000,
      onceMs: 60_000,
      waitMs: 200,
    };
    const QUEUE = `@late/${PATTERN}`;

    async function begin(from: string | undefined, member = broker): Promise<void> {
      const lease = await member.join(QUEUE, { ...TERMS, subscription: { from } }, () => undefined);
      await lease.leave();
    }

    async function waitingIds(): Promise<(string | undefined)[]> {
      return ids((await world.dump(QUEUE)).waiting);
    }

    test('with the earliest gets all that is kept, and then what comes', async () => {
      await keep({ maxLength: 3 });
      await publish('a', 'b', 'c', 'd');
      await begin('earliest');
      await publish('e');
      expect(await waitingIds()).toEqual(['b', 'c', 'd', 'e']);
    });

    test('with an event gets it and those after it', async () => {
      await keep({ maxLength: 10 });
      const [, b] = await publish('a', 'b', 'c');
      await begin(b?.historyId);
      expect(await waitingIds()).toEqual(['b', 'c']);
    });

    test('with a time gets what was published since', async () => {
      await keep({ maxLength: 10_000 });
      const [first] = await publish('a');
      const time = await eventually(async () => {
        const [later] = await publish('b');
        const [ms, firstMs] = [later, first].map((one) => one?.historyId?.split('-')[0]);
        expect(ms).not.toBe(firstMs);
        return ms;
      });
      await begin(time);
      expect(new Set(await waitingIds())).toEqual(new Set(['b']));
    });

    test('with what is new gets nothing of it', async () => {
      await keep({ maxLength: 10 });
      await publish('a');
      await begin(undefined);
      await publish('b');
      expect(await waitingIds()).toEqual(['b']);
    });

    test('has large events in order', async () => {
      await keep({ maxLength: 100 });
      const names = Array.from({ length: 25 }, (_, index) => `m${index}`);
      const body = `"${'x'.repeat(90_000)}"`;
      await Promise.all(names.map((name) => broker.publish(PATTERN, name, element(name, body))));
      await begin('earliest');
      expect(await waitingIds()).toEqual(names);
    });

    test('gets each event once and in order while they are published and several replicas start', async () => {
      await keep({ maxLength: 100_000 });
      const names = Array.from({ length: 2_500 }, (_, index) => `m${index}`);
      await publish(...names);
      const replicas = [broker, await world.open(), await world.open()];
      let isBeginning = true;
      const beginning = Promise.all(replicas.map((replica) => begin('earliest', replica))).finally(
        () => (isBeginning = false),
      );
      const publisher = await world.open();
      do {
        const name = `m${names.length}`;
        names.push(name);
        await publisher.publish(PATTERN, name, element(name));
      } while (isBeginning);
      await beginning;
      await publish('last');
      expect(brief(await waitingIds())).toEqual(brief([...names, 'last']));
    });

    test('goes on where a replica that died while it filled the group had come to', async () => {
      await keep({ maxLength: 10 });
      const [, b] = await publish('a', 'b', 'c');
      await world.stopFilling(QUEUE, b?.historyId ?? '');
      await begin('earliest');
      await publish('d');
      expect(await waitingIds()).toEqual(['c', 'd']);
      await events.retire(QUEUE, 'drop');
      await begin('earliest', await world.open());
      expect(await waitingIds()).toEqual(['a', 'b', 'c', 'd']);
    });

    test('and is known already begins nowhere anew', async () => {
      await keep({ maxLength: 10 });
      await broker.declare({ pattern: PATTERN, groups: ['late'] });
      await publish('a');
      await begin('earliest');
      expect(await waitingIds()).toEqual(['a']);
    });

    test.each(['that was never kept', 'that was ended'])('%s is refused', async (which) => {
      if (which === 'that was ended') {
        await keep({ maxLength: 10 });
        await publish('a');
        await events.endHistory(PATTERN, 'keep');
      }
      await expect(begin('earliest')).rejects.toMatchObject({
        name: 'InvalidOptionError',
        option: 'from',
      });
      expect((await events.index()).queues).toEqual([]);
      expect(await publish('b')).toMatchObject([{ groups: 0 }]);
    });
  });
}

function comparePlaces(left: string, right: string): number {
  const [leftMs = 0, leftNumber = 0] = left.split('-').map(Number);
  const [rightMs = 0, rightNumber = 0] = right.split('-').map(Number);
  return leftMs - rightMs || leftNumber - rightNumber;
}
