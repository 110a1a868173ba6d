import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker, WakeNews } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { QueueLimit } from '../../libs/redis-queue-transport/src/core/broker/limit.js';
import type {
  Exchange,
  Lease,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { perKeyTerms } from '../../libs/redis-queue-transport/src/core/broker/per-key.js';
import {
  deadLetterElement,
  redrivenElement,
} from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld } from './broker-world.js';
import { expectTrueCounts } from './counted-keys.js';
import { failureIn, ids, keyed, ofKeyIn } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const QUEUE = 'report.make';
const HOUR_MS = 3_600_000;
const FACTS = failureIn(QUEUE);

/** What all consumers together may do with each key, on every broker. Call it within a `describe`. */
export function keyLimitsContract(world: BrokerWorld): void {
  let broker: Broker;
  let admin: AdminBroker;
  let lease: Lease;
  let news: WakeNews[];

  beforeEach(async () => {
    broker = await world.open();
    admin = world.openAdmin();
    news = [];
    lease = await broker.join(QUEUE, LEASE_TERMS, (told) => news.push(told));
  });

  afterEach(async () => {
    expectTrueCounts(await world.dump(QUEUE));
    await lease.leave();
  });

  async function allow(limit: Partial<QueueLimit>, queue = QUEUE): Promise<void> {
    await broker.noteTerms(queue, perKeyTerms(limit));
  }

  async function push(...names: string[]): Promise<void> {
    for (const name of names) await broker.push(QUEUE, name, ofKeyIn(name));
  }

  async function exchange(settlements: readonly Settlement[] = [], take = 10): Promise<Exchange> {
    return withLease(await lease.exchange(settlements, take));
  }

  async function take(): Promise<readonly Buffer[]> {
    return (await exchange()).taken;
  }

  const done = (elements: readonly Buffer[]): Settlement[] =>
    elements.map((one) => ({ kind: 'ack', element: one }));

  async function lane(key: string): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).lanes.get(key) ?? []);
  }

  async function resting(): Promise<readonly string[]> {
    return [...(await world.dump(QUEUE)).resting.keys()];
  }

  function retry(it: Buffer, delayMs: number): Settlement {
    return { kind: 'retry', element: it, replacement: withNextAttempt(it, 'new'), delayMs };
  }

  describe('a limit of how many of a key start in a time', () => {
    test('lets a tenth of it go at once, and holds up no other key', async () => {
      await allow({ running: 10, rate: 30, perMs: HOUR_MS });
      await push('a1', 'a2', 'a3', 'a4', 'b1', '-1', 'a5');
      expect(ids(await take())).toEqual(['a1', 'a2', 'a3', 'b1', '-1']);
      expect(await lane('a')).toEqual(['a4', 'a5']);
    });

    test('says when the next may go on, and lets it go then, alone', async () => {
      await allow({ rate: 2, perMs: HOUR_MS });
      await push('a1', 'a2', 'a3');
      const { taken, dueInMs } = await exchange(done(await take()));
      expect(taken).toEqual([]);
      expect(dueInMs).toBeLessThanOrEqual(HOUR_MS / 2);
      expect(dueInMs).toBeGreaterThan(HOUR_MS / 2 - 60_000);
      await world.passTime(HOUR_MS / 4, QUEUE);
      expect(await take()).toEqual([]);
      await world.passTime(HOUR_MS / 4, QUEUE);
      const second = await take();
      expect(ids(second)).toEqual(['a2']);
      expect((await exchange(done(second))).taken).toEqual([]);
      await world.passTime(HOUR_MS / 2, QUEUE);
      const third = await take();
      expect(ids(third)).toEqual(['a3']);
      await exchange(done(third));
      const { out, resting: rests } = await world.dump(QUEUE);
      expect([out.size, rests.size]).toEqual([0, 0]);
    });

    test('holds for a message that comes when all before it are done, and tells who keeps the time', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1');
      await lease.exchange(done(await take()), 0, undefined, 'keep');
      const other = await world.open();
      await other.push(QUEUE, 'a2', keyed('a', 'a2'));
      await other.push(QUEUE, 'b1', keyed('b', 'b1'));
      await eventually(() => expect(news).toHaveLength(1));
      expect(Number(news[0]) - broker.nowMs()).toBeLessThanOrEqual(HOUR_MS);
      expect(Number(news[0]) - broker.nowMs()).toBeGreaterThan(HOUR_MS - 60_000);
      expect(ids(await take())).toEqual(['b1']);
      await world.passTime(HOUR_MS, QUEUE);
      expect(ids(await take())).toEqual(['a2']);
    });

    test('tells all consumers if none of them keeps the time', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1');
      await exchange(done(await take()));
      await push('a2');
      await eventually(() => expect(news).toEqual(['look']));
    });

    test('does not count retries', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1', 'a2');
      const [first] = await take();
      const again = first === undefined ? [] : (await exchange([retry(first, 0)])).taken;
      expect(ids(again)).toEqual(['a1']);
    });

    test('holds beside a limit of what runs', async () => {
      await allow({ running: 2, rate: 100, perMs: HOUR_MS });
      await push('a1', 'a2', 'a3', 'a4');
      const taken = await take();
      expect(ids(taken)).toEqual(['a1', 'a2']);
      expect(ids((await exchange(done(taken))).taken)).toEqual(['a3', 'a4']);
    });

    test.each(['', 'none', '0', '-1', 'nan', 'inf', '1e300'])(
      'is none where the terms say %j',
      async (rate) => {
        await broker.noteTerms(QUEUE, { 'perKey.rate': rate, 'perKey.perMs': '3600000' });
        await push('a1', 'a2');
        expect(ids((await exchange(done(await take()))).taken)).toEqual(['a2']);
      },
    );

    test('holds a message no longer than a lower one that was given up', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1');
      await exchange(done(await take()));
      await allow({ rate: 1_000, perMs: 1_000 });
      await push('a2');
      expect(ids(await take())).toEqual(['a2']);
    });

    test('holds a message no longer than its own time if the clock is set back', async () => {
      await allow({ rate: 1, perMs: 60_000 });
      await push('a1', 'b1', 'a2');
      await exchange(done(await take()));
      await world.passTime(-HOUR_MS, QUEUE);
      expect(ids(await take())).toEqual(['a2']);
      // Of this key, only the pace is ahead.
      await push('b2');
      expect(ids(await take())).toEqual(['b2']);
    });

    test.each(['paused', 'slowed down'] as const)(
      'lets nothing go while the queue is %s',
      async (how) => {
        await allow({ rate: 1, perMs: 60_000 });
        await push('a1', '-1', 'a2');
        const [first, other] = await take();
        if (first === undefined || other === undefined) throw new Error('Too few were taken.');
        await exchange(done([first]));
        if (how === 'paused') await world.setPaused(QUEUE, true);
        else await exchange([{ ...retry(other, HOUR_MS), slowsQueue: true } as Settlement]);
        await world.passTime(60_000, QUEUE);
        const { taken, dueInMs } = await exchange();
        expect([taken, (dueInMs ?? Infinity) > 60_000]).toEqual([[], true]);
        expect(await lane('a')).toEqual(['a2']);
        if (how === 'slowed down') return void (await admin.purge(QUEUE, 'all'));
        await world.setPaused(QUEUE, false);
        expect(ids(await take())).toEqual(['a2']);
      },
    );

    test('sends a delayed message of a key that rests to its lane when it is due', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1', 'a2');
      await broker.push(QUEUE, 'a3', keyed('a', 'a3'), { dueMs: broker.nowMs() + 60_000 });
      await exchange(done(await take()));
      await world.passTime(60_000, QUEUE);
      expect(await take()).toEqual([]);
      expect(await lane('a')).toEqual(['a2', 'a3']);
    });

    test('holds for a delayed message that is due too early', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1');
      await broker.push(QUEUE, 'a2', keyed('a', 'a2'), { dueMs: broker.nowMs() + 60_000 });
      await exchange(done(await take()));
      await world.passTime(60_000, QUEUE);
      expect(await take()).toEqual([]);
      expect([await resting(), await lane('a')]).toEqual([['a'], ['a2']]);
    });

    test('holds for what is redriven', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1');
      const [first] = await take();
      if (first === undefined) throw new Error('Nothing was taken.');
      const letter = deadLetterElement(first, FACTS);
      await exchange([{ kind: 'deadLetter', element: first, replacement: letter }]);
      const part = { from: undefined, offset: 0, count: 1, isNewestFirst: false };
      const [dead] = await admin.deadLetters(QUEUE, part);
      if (dead === undefined) throw new Error('There is no dead letter.');
      await admin.redrive(QUEUE, [{ ...dead, element: redrivenElement(dead.element) }]);
      expect(await lane('a')).toEqual(['a1']);
      await eventually(() => expect(news).toEqual(['look']));
    });

    test('holds for copies of events, and tells who keeps the time', async () => {
      const pattern = 'report.asked';
      const group = `@mail/${pattern}`;
      const heard: WakeNews[] = [];
      const terms = { ...LEASE_TERMS, subscription: {} };
      const member = await broker.join(group, terms, (told) => heard.push(told));
      await allow({ rate: 1, perMs: HOUR_MS }, group);
      await broker.publish(pattern, 'a1', keyed('a', 'a1'));
      const first = withLease(await member.exchange([], 1, undefined, 'keep')).taken;
      withLease(await member.exchange(done(first), 0));
      await broker.publish(pattern, 'a2', keyed('a', 'a2'));
      const dump = await world.dump(group);
      expect([ids(dump.waiting), ids(dump.lanes.get('a') ?? [])]).toEqual([[], ['a2']]);
      expectTrueCounts(dump);
      await eventually(() => expect(heard).toHaveLength(1));
      expect(Number(heard[0])).toBeGreaterThan(broker.nowMs());
      await member.leave();
    });

    test('lets very many keys go on, a part at a time', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      const keys = Array.from({ length: 250 }, (_, n) => `k${n}`);
      const pushAll = (n: number): Promise<unknown> =>
        Promise.all(
          keys.map((key) => broker.push(QUEUE, `${key}-${n}`, keyed(key, `${key}-${n}`))),
        );
      await pushAll(1);
      await exchange(done((await exchange([], 250)).taken), 0);
      await pushAll(2);
      expect(await resting()).toHaveLength(250);
      await world.passTime(HOUR_MS, QUEUE);
      const parts = [await exchange([], 500), await exchange([], 500), await exchange([], 500)];
      expect(parts.map(({ taken }) => taken.length)).toEqual([100, 100, 50]);
      expect(parts.map(({ dueInMs }) => dueInMs)).toEqual([0, 0, undefined]);
      await exchange(done(parts.flatMap(({ taken }) => taken)), 0);
      const { out, resting: rests } = await world.dump(QUEUE);
      expect([out.size, rests.size]).toEqual([0, 0]);
    });

    test('leaves nothing behind when the queue is purged', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1', 'b1', 'a2', 'b2');
      await exchange(done(await take()));
      expect(await resting()).toHaveLength(2);
      expect(await admin.purge(QUEUE, 'all')).toBe(2);
      const { out, resting: rests } = await world.dump(QUEUE);
      expect([out.size, rests.size]).toEqual([0, 0]);
    });

    test('leaves nothing behind when the last message is removed, once its time is over', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1', 'a2');
      await exchange(done(await take()));
      expect(await admin.remove(QUEUE, Buffer.from(keyed('a', 'a2')))).toBe(true);
      await world.passTime(HOUR_MS, QUEUE);
      await exchange();
      const { out, resting: rests } = await world.dump(QUEUE);
      expect([out.size, rests.size]).toEqual([0, 0]);
    });
  });

  describe('a paused key', () => {
    test('waits until it is resumed, and other keys pass', async () => {
      await push('a1', 'b1');
      const taken = await take();
      await admin.setKeyPaused(QUEUE, 'a', true);
      await push('a2', 'b2');
      expect(ids((await exchange(done(taken))).taken)).toEqual(['b2']);
      await world.passTime(100 * HOUR_MS, QUEUE);
      expect(await take()).toEqual([]);
      await push('a3');
      expect(await admin.lanes(QUEUE, 10)).toMatchObject([
        { key: 'a', out: 0, waiting: 2, restsUntilMs: Infinity },
      ]);
      await admin.setKeyPaused(QUEUE, 'a', false);
      expect(ids(await take())).toEqual(['a2']);
    });

    test('may be one of which nothing is there, and leaves nothing behind when it is resumed', async () => {
      await admin.setKeyPaused(QUEUE, 'a', true);
      await admin.setKeyPaused(QUEUE, 'b', true);
      const nothing = { out: 0, waiting: 0, restsUntilMs: Infinity };
      expect(await admin.lanes(QUEUE, 10)).toMatchObject([
        { key: 'a', ...nothing },
        { key: 'b', ...nothing },
      ]);
      expect(await admin.lanes(QUEUE, 1)).toHaveLength(1);
      await push('a1');
      expect(await take()).toEqual([]);
      for (const key of ['a', 'b']) await admin.setKeyPaused(QUEUE, key, false);
      await exchange(done(await take()));
      const { out, resting: rests } = await world.dump(QUEUE);
      expect([out.size, rests.size]).toEqual([0, 0]);
    });

    test('stays paused when it is paused again, slowed down, or its clock is set back', async () => {
      await allow({ running: 2, rate: 1, perMs: 60_000 });
      await push('a1', 'a2');
      const [first] = await take();
      if (first === undefined) throw new Error('Nothing was taken.');
      await admin.setKeyPaused(QUEUE, 'a', true);
      await admin.setKeyPaused(QUEUE, 'a', true);
      await exchange([{ ...retry(first, 60_000), slowsKey: true } as Settlement]);
      await world.passTime(-HOUR_MS, QUEUE);
      expect(await take()).toEqual([]);
      await world.passTime(2 * HOUR_MS, QUEUE);
      expect(ids(await take())).toEqual(['a1']);
      expect(await lane('a')).toEqual(['a2']);
    });

    test('lets a retry of what is out go on', async () => {
      await push('a1');
      const [first] = await take();
      await admin.setKeyPaused(QUEUE, 'a', true);
      const again = first === undefined ? [] : (await exchange([retry(first, 0)])).taken;
      expect(ids(again)).toEqual(['a1']);
    });

    test('stays paused when the queue is purged', async () => {
      await push('a1', 'a2');
      await admin.setKeyPaused(QUEUE, 'a', true);
      await admin.purge(QUEUE, 'all');
      await push('a3');
      expect(await take()).toEqual([]);
      expect(await lane('a')).toEqual(['a3']);
    });

    test('goes at its pace when it is resumed', async () => {
      await allow({ rate: 1, perMs: HOUR_MS });
      await push('a1', 'a2');
      const first = await take();
      await admin.setKeyPaused(QUEUE, 'a', true);
      await exchange(done(first));
      await admin.setKeyPaused(QUEUE, 'a', false);
      expect(await take()).toEqual([]);
      const [a] = await admin.lanes(QUEUE, 1);
      expect(a?.restsUntilMs).toBeGreaterThan(broker.nowMs());
      expect(a?.restsUntilMs).toBeLessThanOrEqual(broker.nowMs() + HOUR_MS);
    });

    test('ends with the subscription of a group that is retired', async () => {
      const group = '@mail/report.asked';
      await broker.declare({ pattern: 'report.asked', groups: ['mail'] });
      await broker.publish('report.asked', 'a1', keyed('a', 'a1'));
      await admin.setKeyPaused(group, 'a', true);
      await admin.events.retire(group, 'drop');
      const { out, resting: rests } = await world.dump(group);
      expect([out.size, rests.size]).toEqual([0, 0]);
    });
  });

  describe('a key that was slowed down', () => {
    function slowed(it: Buffer, delayMs: number): Settlement {
      return { ...retry(it, delayMs), slowsKey: true } as Settlement;
    }

    async function takeOne(): Promise<Buffer> {
      const [taken] = (await exchange([], 1)).taken;
      if (taken === undefined) throw new Error('Nothing is waiting.');
      return taken;
    }

    test('waits, other keys pass, and its message comes first afterwards', async () => {
      await allow({ running: 3 });
      await push('a1', 'b1');
      const first = await takeOne();
      const { taken, dueInMs } = await exchange([slowed(first, 60_000)]);
      await push('a2', 'b2', '-1', 'a3');
      expect(ids([...taken, ...(await take())])).toEqual(['b1', 'b2', '-1']);
      expect(dueInMs).toBeLessThanOrEqual(60_000);
      expect(await lane('a')).toEqual(['a2', 'a3']);
      await world.passTime(60_000, QUEUE);
      expect(ids(await take())).toEqual(['a1', 'a2', 'a3']);
      expect(await resting()).toEqual([]);
    });

    test('lets nothing go when others of it are settled', async () => {
      await allow({ running: 2 });
      await push('a1', 'a2', 'a3');
      const [first, second] = await take();
      if (first === undefined || second === undefined) throw new Error('Too few were taken.');
      await exchange([slowed(first, 60_000)]);
      expect((await exchange(done([second]))).taken).toEqual([]);
      await world.passTime(60_000, QUEUE);
      expect(ids(await take())).toEqual(['a1', 'a3']);
    });

    test.each<[string, (it: Buffer) => Settlement]>([
      ['done', (it) => ({ kind: 'ack', element: it })],
      ['skipped', (it) => ({ kind: 'skip', element: it, why: 'expired' })],
      [
        'dead-lettered',
        (it) => ({ kind: 'deadLetter', element: it, replacement: deadLetterElement(it, FACTS) }),
      ],
    ])('lets nothing go when another one of it is %s in the same step', async (_, settled) => {
      await allow({ running: 2 });
      await push('a1', 'a2', 'a3', 'a4');
      const [first, second] = await take();
      if (first === undefined || second === undefined) throw new Error('Too few were taken.');
      expect((await exchange([settled(first), slowed(second, 60_000)])).taken).toEqual([]);
      expect(await lane('a')).toEqual(['a3', 'a4']);
      await world.passTime(60_000, QUEUE);
      expect(ids(await take())).toEqual(['a2', 'a3']);
    });

    test('is slowed down until the latest of several times', async () => {
      await allow({ running: 2 });
      await push('a1', 'a2', 'a3');
      const [first, second] = await take();
      if (first === undefined || second === undefined) throw new Error('Too few were taken.');
      await exchange([slowed(first, HOUR_MS)]);
      await exchange([slowed(second, 60_000)]);
      await world.passTime(60_000, QUEUE);
      const again = await take();
      expect(ids(again)).toEqual(['a2']);
      expect((await exchange(done(again))).taken).toEqual([]);
    });

    test('waits no longer than its own time if the clock is set back', async () => {
      await allow({ running: 2 });
      await push('a1', 'a2', 'a3');
      const [first, second] = await take();
      if (first === undefined || second === undefined) throw new Error('Too few were taken.');
      await exchange([slowed(first, 60_000)]);
      expect((await exchange(done([second]))).taken).toEqual([]);
      await world.passTime(-HOUR_MS, QUEUE);
      expect(ids(await take())).toEqual(['a3']);
    });

    test('is none of a message without a key: it waits alone', async () => {
      await push('-1', '-2', 'a1');
      const first = await takeOne();
      expect(ids((await exchange([slowed(first, 60_000)])).taken)).toEqual(['-2', 'a1']);
      await world.passTime(60_000, QUEUE);
      expect(ids(await take())).toEqual(['-1']);
    });
  });
}
