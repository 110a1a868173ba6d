import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EventAdminBroker } from '../../libs/redis-queue-transport/src/core/admin/event-admin-broker.js';
import type {
  Broker,
  RecoveryTerms,
} from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { brief } from '../support/brief.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld, CutBroker } from './broker-world.js';
import { element, ids } from './elements.js';

const PATTERN = 'price.changed';

/** What live listeners hear of what was published while they were cut off. To be called within a `describe`. */
export function recoveryContract(world: BrokerWorld): void {
  let publisher: Broker;
  let events: EventAdminBroker;
  let cutBroker: CutBroker;
  let heard: string[];
  let missed: string[];

  beforeEach(async () => {
    heard = [];
    missed = [];
    publisher = await world.open();
    events = world.openAdmin().events;
    cutBroker = await world.openCut();
  });

  function recovering(withinMs: number, ...patterns: string[]): RecoveryTerms {
    return {
      withinMs: new Map(patterns.map((pattern) => [pattern, withinMs])),
      onMissed: (pattern, count) => missed.push(`${pattern} ${count}`),
    };
  }

  /** Hears what comes as its id alone, since most tests have one pattern. */
  function listen(patterns: string[], recovery?: RecoveryTerms): Promise<void> {
    const hear = (_: string, bytes: Buffer): number => heard.push(ids([bytes])[0] ?? '');
    return cutBroker.broker.subscribe(patterns, hear, recovery);
  }

  /** Listens with recovery to a pattern with a history. */
  async function listenKept(withinMs = 60_000, maxLength = 10_000): Promise<void> {
    await publisher.declare({ pattern: PATTERN, history: { maxLength } });
    await listen([PATTERN], recovering(withinMs, PATTERN));
  }

  async function publish(...names: string[]): Promise<void> {
    await Promise.all(names.map((name) => publisher.publish(PATTERN, name, element(name))));
  }

  async function whileCutOff(what: () => Promise<unknown>): Promise<void> {
    await cutBroker.cut();
    await what();
    cutBroker.restore();
  }

  describe('a live listener', () => {
    test('misses what is published while it is cut off, is told so, and hears what comes then', async () => {
      await listen([PATTERN, 'price.*']);
      await publish('before');
      await eventually(() => expect(heard).toEqual(['before', 'before']));
      await whileCutOff(async () => {
        expect(await publisher.publish(PATTERN, 'm', element('m'))).toMatchObject({ listeners: 0 });
      });
      await eventually(() => expect(cutBroker.interruptions).toEqual([1]));
      await publish('after');
      await eventually(() => expect(heard).toEqual(['before', 'before', 'after', 'after']));
    });

    test('is told of each interruption', async () => {
      await listen([PATTERN]);
      for (const time of [1, 2]) {
        await whileCutOff(() => publish('missed'));
        await eventually(() => expect(cutBroker.interruptions).toHaveLength(time));
      }
      expect(cutBroker.interruptions).toEqual([1, 2]);
    });

    test('is entered again where the index was lost meanwhile', async () => {
      await listen(['price.*']);
      await whileCutOff(() => world.loseAll());
      await eventually(async () =>
        expect(await publisher.publish(PATTERN, 'a', element('a'))).toMatchObject({ listeners: 1 }),
      );
    });
  });

  describe('a live listener that recovers', () => {
    test('hears each event once, in order, and counts as a listener', async () => {
      await listenKept();
      const names = Array.from({ length: 300 }, (_, index) => `m${index}`);
      const published = await Promise.all(
        names.map((name) => publisher.publish(PATTERN, name, element(name))),
      );
      expect(new Set(published.map(({ listeners }) => listeners))).toEqual(new Set([1]));
      await eventually(() => expect(heard).toHaveLength(300));
      expect(heard).toEqual(names);
    });

    test('hears nothing from before its start', async () => {
      await publisher.declare({ pattern: PATTERN, history: { maxLength: 10 } });
      await publish('a', 'b');
      await listenKept();
      await publish('c');
      await eventually(() => expect(heard).toEqual(['c']));
    });

    test('hears large events in their place', async () => {
      await listenKept();
      await Promise.all([
        publisher.publish(PATTERN, 'a', element('a')),
        publisher.publish(PATTERN, 'large', element('large', `"${'x'.repeat(1_500_000)}"`)),
        publisher.publish(PATTERN, 'b', element('b')),
      ]);
      await eventually(() => expect(heard).toEqual(['a', 'large', 'b']));
    });

    test('is given in order what was published while it was cut off, and then what comes', async () => {
      await listenKept();
      await publish('before');
      await eventually(() => expect(heard).toEqual(['before']));
      const names = Array.from({ length: 2_500 }, (_, index) => `m${index}`);
      await whileCutOff(() => publish(...names));
      await publish('after');
      await eventually(() => expect(heard).toHaveLength(names.length + 2));
      expect(brief(heard)).toEqual(brief(['before', ...names, 'after']));
      expect(missed).toEqual([]);
    });

    test('to a wildcard, beside one that does not recover, gets what it means', async () => {
      await publisher.declare({ pattern: 'price.*', history: { maxLength: 10 } });
      await listen(['price.*', 'stock.*'], recovering(60_000, 'price.*'));
      const others = ['price.gone', 'stock.changed'];
      await whileCutOff(async () => {
        await publish('a');
        for (const other of others) await publisher.publish(other, other, element(other));
      });
      await eventually(() => expect(heard).toEqual(['a', 'price.gone']));
      await eventually(async () => {
        await publisher.publish('stock.changed', 'later', element('later'));
        expect(heard).toContain('later');
      });
    });

    test('is told how many are kept no longer', async () => {
      await listenKept(60_000, 3);
      await whileCutOff(() => publish('a', 'b', 'c', 'd', 'e'));
      await eventually(() => expect(heard).toEqual(['c', 'd', 'e']));
      expect(missed).toEqual([`${PATTERN} 2`]);
    });

    test('is told how many were too old, and hears what comes', async () => {
      await listenKept(1);
      await whileCutOff(async () => {
        await publish('a', 'b', 'c');
        const publishedAtMs = publisher.nowMs();
        await eventually(() => expect(publisher.nowMs()).toBeGreaterThan(publishedAtMs + 10));
      });
      await eventually(() => expect(missed).toEqual([`${PATTERN} 3`]));
      await publish('after');
      await eventually(() => expect(heard).toEqual(['after']));
    });

    test('is told how many are gone where the history was ended and begun again', async () => {
      await listenKept();
      await whileCutOff(async () => {
        await publish('a', 'b');
        await events.endHistory(PATTERN, 'drop');
        await publisher.declare({ pattern: PATTERN, history: { maxLength: 10 } });
        await publish('c');
      });
      await eventually(() => expect(heard).toEqual(['c']));
      expect(missed).toEqual([`${PATTERN} 2`]);
    });

    test('passes over what another program put into the history', async () => {
      await listenKept();
      await whileCutOff(async () => {
        await publish('a');
        await world.pushForeignEntry(PATTERN);
        await publish('b');
      });
      await eventually(() => expect(heard).toEqual(['a', 'b']));
      expect(missed).toEqual([]);
    });

    test('needs a history of its pattern', async () => {
      await publisher.declare({ pattern: 'price.*', history: { maxLength: 10 } });
      await expect(listen([PATTERN], recovering(1, PATTERN))).rejects.toMatchObject({
        name: 'InvalidOptionError',
        option: 'recover',
      });
    });
  });
}
