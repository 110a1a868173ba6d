import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import {
  deadLetterElement,
  redrivenElement,
} from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { brought, failureIn, ids, keyed, ofKeyIn } from './elements.js';
import type { BrokerWorld } from './broker-world.js';
import { expectTrueCounts } from './counted-keys.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const QUEUE = 'orders.place';

const HOUR_MS = 3_600_000;
const FACTS = failureIn(QUEUE);

type Ending = (element: Buffer) => Settlement;

/** Each way in which a message can be gone for good. */
const ENDINGS: readonly (readonly [string, Ending])[] = [
  ['is acknowledged', (it) => ({ kind: 'ack', element: it })],
  ['is acknowledged once', (it) => ({ kind: 'ack', element: it, onceId: 'a1' })],
  ['is acknowledged with its body', (it) => ({ kind: 'ack', element: it, isParked: true })],
  ['has expired', (it) => ({ kind: 'skip', element: it, why: 'expired' })],
  [
    'is dead-lettered',
    (it) => ({ kind: 'deadLetter', element: it, replacement: deadLetterElement(it, FACTS) }),
  ],
];

/** Messages with keys, on every broker: one of each key at a time, in order. Call it within a `describe`. */
export function lanesContract(world: BrokerWorld): void {
  let broker: Broker;
  let admin: AdminBroker;
  let lease: Lease;

  beforeEach(async () => {
    broker = await world.open();
    admin = world.openAdmin();
    lease = await join();
  });

  afterEach(async () => {
    expectTrueCounts(await world.dump(QUEUE));
    await lease.leave();
  });

  function join(): Promise<Lease> {
    return broker.join(QUEUE, LEASE_TERMS, () => undefined);
  }

  async function push(...names: string[]): Promise<void> {
    for (const name of names) await broker.push(QUEUE, name, ofKeyIn(name));
  }

  async function exchange(
    settlements: readonly Settlement[] = [],
    take = 0,
    by = lease,
  ): Promise<Exchange> {
    return withLease(await by.exchange(settlements, take));
  }

  async function take(count: number, by = lease): Promise<readonly Buffer[]> {
    return (await exchange([], count, by)).taken;
  }

  async function takeOne(by = lease): Promise<Buffer> {
    const [taken] = await take(1, by);
    if (taken === undefined) throw new Error('Nothing is waiting.');
    return taken;
  }

  async function lane(key: string): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).lanes.get(key) ?? []);
  }

  async function waiting(): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).waiting);
  }

  const ack = (it: Buffer): Settlement => ({ kind: 'ack', element: it });

  function retry(it: Buffer, delayMs: number): Settlement {
    return { kind: 'retry', element: it, replacement: withNextAttempt(it, 'new'), delayMs };
  }

  test('one of each key is handed out, and those without a key pass', async () => {
    await push('a1', 'a2', 'b1', '-1', 'a3', 'b2', '-2');
    expect(ids(await take(10))).toEqual(['a1', 'b1', '-1', '-2']);
    expect(await lane('a')).toEqual(['a2', 'a3']);
    expect(await lane('b')).toEqual(['b2']);
    expect(await take(10)).toEqual([]);
  });

  test.each(ENDINGS)('the next of a key goes on when the one before it %s', async (_how, end) => {
    await push('a1', 'a2', '-1');
    const first = await takeOne();
    expect(ids((await exchange([end(first)], 10)).taken)).toEqual(['-1', 'a2']);
  });

  test('those pushed together keep their order for each key', async () => {
    const names = Array.from({ length: 2_500 }, (_, n) => `${'abc-'[n % 4]}${n}`);
    await Promise.all(names.map((name) => broker.push(QUEUE, name, ofKeyIn(name))));
    const seen: (string | undefined)[] = [];
    for (let taken = await take(7); taken.length > 0;) {
      seen.push(...ids(taken));
      ({ taken } = await exchange(taken.map(ack), 7));
    }
    for (const key of 'abc-') {
      const ofKey = (name = ''): boolean => name.startsWith(key);
      expect(seen.filter(ofKey)).toEqual(names.filter(ofKey));
    }
    const { lanes, out } = await world.dump(QUEUE);
    expect([lanes.size, out.size]).toEqual([0, 0]);
  });

  test('a key waits while its message pauses for a retry, and others pass', async () => {
    await push('a1', 'a2', 'b1');
    const first = await takeOne();
    expect(ids((await exchange([retry(first, HOUR_MS)], 10)).taken)).toEqual(['b1']);
    await world.passTime(HOUR_MS, QUEUE);
    const [again, ...others] = (await exchange([], 10)).taken;
    expect([...ids(again === undefined ? [] : [again]), ...others]).toEqual(['a1']);
    if (again !== undefined) expect(ids((await exchange([ack(again)], 10)).taken)).toEqual(['a2']);
  });

  test('a message that is retried at once or released comes before the next of its key', async () => {
    await push('a1', 'a2');
    const first = await takeOne();
    const [again] = (await exchange([retry(first, 0)], 10)).taken;
    if (again === undefined) throw new Error('It did not come back.');
    const back = await exchange([{ kind: 'release', element: again }], 10);
    expect(ids(back.taken)).toEqual(['a1']);
  });

  test('a crash holds up its key alone, until the suspect is settled', async () => {
    const other = await join();
    await push('a1', 'a2', 'b1');
    await takeOne(other);
    await world.endLease(QUEUE, other.consumer);
    await lease.reclaim(other.consumer, (await world.leaseEnds(QUEUE)).get(other.consumer));
    const [free] = await take(10);
    expect(ids(free === undefined ? [] : [free])).toEqual(['b1']);
    if (free !== undefined) await exchange([ack(free)]);
    await lease.exchange([], 0, 'claim');
    const tried = await lease.exchange([], 0, 'next');
    const [suspect] = tried === 'leaseLost' ? [] : tried.taken;
    if (suspect === undefined) throw new Error('There is no suspect.');
    expect(ids([suspect])).toEqual(['a1']);
    await lease.exchange([ack(suspect)], 0, 'yield');
    expect(ids(await take(10))).toEqual(['a2']);
    world.expectFenced();
  });

  test('a consumer that leaves hands back what it holds, before the next of the key', async () => {
    const other = await join();
    await push('a1', 'a2');
    await takeOne(other);
    await other.leave();
    expect(ids(await take(10))).toEqual(['a1']);
  });

  test('a delayed message takes its place when it is due', async () => {
    const dueMs = broker.nowMs() + HOUR_MS;
    await broker.push(QUEUE, 'a1', keyed('a', 'a1'), { dueMs });
    await broker.push(QUEUE, 'a2', keyed('a', 'a2'), { dueMs: dueMs + 1 });
    await push('a3', 'a4');
    const third = await takeOne();
    await world.passTime(HOUR_MS + 10, QUEUE);
    expect(await take(10)).toEqual([]);
    expect(await lane('a')).toEqual(['a4', 'a1', 'a2']);
    expect(ids((await exchange([ack(third)], 10)).taken)).toEqual(['a4']);
  });

  test('due messages of a free key go one after the other, the earliest first', async () => {
    const dueMs = broker.nowMs() + HOUR_MS;
    for (const n of [1, 2, 3])
      await broker.push(QUEUE, `a${n}`, keyed('a', `a${n}`), { dueMs: dueMs + n });
    await world.passTime(HOUR_MS + 10, QUEUE);
    expect(ids(await take(10))).toEqual(['a1']);
    expect(await lane('a')).toEqual(['a2', 'a3']);
  });

  test('a redriven message goes behind those of its key', async () => {
    await push('a1', 'a2', 'a3');
    const first = await takeOne();
    const letter = deadLetterElement(first, FACTS);
    await exchange([{ kind: 'deadLetter', element: first, replacement: letter }]);
    const [dead] = await admin.deadLetters(QUEUE, {
      from: undefined,
      offset: 0,
      count: 1,
      isNewestFirst: false,
    });
    if (dead === undefined) throw new Error('There is no dead letter.');
    await admin.redrive(QUEUE, [{ ...dead, element: redrivenElement(dead.element) }]);
    expect(await lane('a')).toEqual(['a3', 'a1']);
  });

  test('a message that a wait takes is counted like others', async () => {
    const wait = lease.wait(new AbortController().signal);
    await push('a1', 'a2');
    const first = await brought(wait);
    expect(ids([first])).toEqual(['a1']);
    expect(await take(10)).toEqual([]);
    expect(ids((await exchange([ack(first)], 10)).taken)).toEqual(['a2']);
  });

  test('the outcome of a settlement that is given again counts once', async () => {
    await push('a1', 'a2', 'a3');
    const first = await takeOne();
    await exchange([ack(first)]);
    expect((await exchange([ack(first)])).missing).toBe(1);
    expect(await waiting()).toEqual(['a2']);
    expect(await lane('a')).toEqual(['a3']);
  });

  test('a message whose id was added within its window has no place', async () => {
    const once = { deduplicateMs: HOUR_MS };
    for (let times = 0; times < 2; times += 1)
      await broker.push(QUEUE, 'a1', keyed('a', 'a1'), once);
    expect(await waiting()).toEqual(['a1']);
    expect(await lane('a')).toEqual([]);
  });

  test('a large message takes its place among the others of its key', async () => {
    const large = keyed('a', 'a2', JSON.stringify('x'.repeat(200_000)));
    await Promise.all([
      push('a1'),
      broker.push(QUEUE, 'a2', large),
      broker.push(QUEUE, 'a3', keyed('a', 'a3')),
    ]);
    expect(await waiting()).toEqual(['a1']);
    expect(await lane('a')).toEqual(['a2', 'a3']);
    world.expectParked();
  });

  test('several of a key are out if the terms say so', async () => {
    await broker.noteTerms(QUEUE, { 'perKey.running': '2' });
    await push('a1', 'a2', 'a3', 'a4');
    const [first, second] = await take(10);
    if (first === undefined || second === undefined) throw new Error('Too few are out.');
    expect(ids([first, second])).toEqual(['a1', 'a2']);
    expect(ids((await exchange([ack(second)], 10)).taken)).toEqual(['a3']);
    await broker.noteTerms(QUEUE, { 'perKey.running': '1' });
    expect((await exchange([ack(first)], 10)).taken).toEqual([]);
  });

  test.each(['', '0', '-1', 'nan', 'many'])('terms that say %j leave it at one', async (most) => {
    await broker.noteTerms(QUEUE, { 'perKey.running': most });
    await push('a1', 'a2', 'a3');
    const first = await takeOne();
    expect(ids((await exchange([ack(first)], 10)).taken)).toEqual(['a2']);
  });

  describe('a message that is removed', () => {
    test('lets the next of its key go on', async () => {
      await push('a1', 'a2');
      expect(await admin.remove(QUEUE, Buffer.from(keyed('a', 'a1')))).toBe(true);
      expect(await waiting()).toEqual(['a2']);
    });

    test('leaves its lane', async () => {
      await push('a1', 'a2', 'a3');
      const found = await admin.find(QUEUE, 'a2');
      expect(found?.place).toBe('waiting');
      expect(await admin.remove(QUEUE, Buffer.from(keyed('a', 'a2')))).toBe(true);
      expect(await lane('a')).toEqual(['a3']);
    });

    test('frees its key if it was delayed for a retry, not if it was never out', async () => {
      await push('a1', 'a2');
      const first = await takeOne();
      await exchange([retry(first, HOUR_MS)]);
      const dueMs = broker.nowMs() + HOUR_MS;
      await broker.push(QUEUE, 'a3', keyed('a', 'a3'), { dueMs });
      expect(await admin.remove(QUEUE, Buffer.from(keyed('a', 'a3')))).toBe(true);
      expect(await waiting()).toEqual([]);
      expect(await admin.remove(QUEUE, withNextAttempt(first, 'new'))).toBe(true);
      expect(await waiting()).toEqual(['a2']);
    });
  });

  describe('those who look', () => {
    test('see how many wait in lanes, and which lanes are the longest', async () => {
      await push('a1', 'b1', '-1');
      const [first] = await take(3);
      await push('a2', 'b2', 'a3', 'b3', 'b4', 'c1');
      const counted = { waiting: 1, inLanes: 5, processing: 3, delayed: 0 };
      expect(await admin.lengths(QUEUE)).toMatchObject(counted);
      expect(await admin.look(QUEUE)).toMatchObject(counted);
      const b = { key: 'b', out: 1, waiting: 3 };
      const a = { key: 'a', out: 1, waiting: 2 };
      const seen = await admin.lanes(QUEUE, 10);
      expect(seen).toMatchObject([b, a]);
      expect(ids(seen.map(({ head }) => head))).toEqual(['b2', 'a2']);
      expect(await admin.lanes(QUEUE, 1)).toMatchObject([b]);
      const listed = async (key?: string): Promise<(string | undefined)[]> =>
        ids(
          await (key === undefined ? admin.waiting(QUEUE, 0, 2) : admin.inLane(QUEUE, key, 0, 2)),
        );
      expect(await listed()).toEqual(['c1']);
      expect(await listed('b')).toEqual(['b2', 'b3']);
      expect(await listed('c')).toEqual([]);
      if (first !== undefined) await exchange([retry(first, HOUR_MS)]);
      expect(await admin.lanes(QUEUE, 10)).toMatchObject([b, a]);
      expect(await admin.lanes('nowhere', 10)).toEqual([]);
    });

    test('see each of very many lanes', async () => {
      const names = Array.from({ length: 1_500 }, (_, n) => `k${n}`);
      const all = names.flatMap((key) => [`${key}-1`, `${key}-2`].map((id) => [key, id] as const));
      await Promise.all(all.map(([key, id]) => broker.push(QUEUE, id, keyed(key, id))));
      const seen = await admin.lanes(QUEUE, 10_000);
      expect(seen.map(({ key }) => key).toSorted()).toEqual(names.toSorted());
      expect(new Set(seen.map(({ out, waiting }) => `${out} ${waiting}`))).toEqual(
        new Set(['1 1']),
      );
      expect((await admin.lengths(QUEUE)).inLanes).toBe(1_500);
      await admin.purge(QUEUE, 'all');
    });
  });

  describe('a purge', () => {
    test('of what waits removes lanes too, and keeps count of what is held', async () => {
      await push('a1', 'b1');
      const held = await take(1);
      await push('a2', 'a3', 'b2', 'c1', '-1');
      expect(await admin.purge(QUEUE, 'waiting')).toBe(6);
      const { lanes, out, waiting: left } = await world.dump(QUEUE);
      expect([lanes.size, left.length, [...out]]).toEqual([0, 0, [['a', 1]]]);
      await exchange(held.map(ack));
      await push('a4', 'a5');
      expect(await waiting()).toEqual(['a4']);
    });

    test('of what is delayed lets those behind a retry go on', async () => {
      await push('a1', 'a2');
      const first = await takeOne();
      await exchange([retry(first, HOUR_MS)]);
      expect(await admin.purge(QUEUE, 'delayed')).toBe(1);
      expect(await waiting()).toEqual(['a2']);
    });

    test('removes more than one call can', async () => {
      const names = Array.from({ length: 3_000 }, (_, n) => `${'abc'[n % 3]}${n}`);
      await Promise.all(names.map((name) => broker.push(QUEUE, name, ofKeyIn(name))));
      expect(await admin.purge(QUEUE, 'all')).toBe(3_000);
      const { lanes, out } = await world.dump(QUEUE);
      expect([lanes.size, out.size]).toEqual([0, 0]);
    });
  });

  test('copies for groups keep the order of a key, for each group by itself', async () => {
    const pattern = 'order.placed';
    await broker.declare({ pattern, groups: ['mail', 'stock'] });
    for (const n of [1, 2]) await broker.publish(pattern, `a${n}`, keyed('a', `a${n}`));
    for (const group of ['mail', 'stock']) {
      const dump = await world.dump(`@${group}/${pattern}`);
      expect([ids(dump.waiting), ids(dump.lanes.get('a') ?? [])]).toEqual([['a1'], ['a2']]);
      expectTrueCounts(dump);
    }
  });

  describe('what a history has kept', () => {
    const pattern = 'order.placed';
    const group = `@mail/${pattern}`;

    /** What waits, and the lane. */
    async function placed(): Promise<(string | undefined)[][]> {
      const dump = await world.dump(group);
      expectTrueCounts(dump);
      return [ids(dump.waiting), ids(dump.lanes.get('a') ?? [])];
    }

    test('keeps the order of a key in a new group', async () => {
      await broker.declare({ pattern, history: { maxLength: 10 } });
      for (const n of [1, 2, 3]) await broker.publish(pattern, `a${n}`, keyed('a', `a${n}`));
      const terms = { ...LEASE_TERMS, subscription: { from: 'earliest' } };
      const member = await broker.join(group, terms, () => undefined);
      await broker.publish(pattern, 'a4', keyed('a', 'a4'));
      expect(await placed()).toEqual([['a1'], ['a2', 'a3', 'a4']]);
      await member.leave();
    });

    test('goes behind those of its key when it is replayed', async () => {
      await broker.declare({ pattern, history: { maxLength: 10 }, groups: ['mail'] });
      const entries: string[] = [];
      for (const n of [1, 2])
        entries.push(
          (await broker.publish(pattern, `a${n}`, keyed('a', `a${n}`))).historyId ?? 'none',
        );
      const [, to = 'none'] = entries;
      await admin.events.replay(pattern, group, { from: 'earliest', to });
      expect(await placed()).toEqual([['a1'], ['a2', 'a1', 'a2']]);
    });
  });

  test('what others put into the list with a key frees nobody, and is handled', async () => {
    await world.pushForeign(QUEUE, '{"rq":1,"key":"a","id":"x"}\n{}', '{"rq":1,"key":"a"}');
    const taken = await take(10);
    expect(taken).toHaveLength(2);
    await exchange(taken.map(ack));
    await push('a1', 'a2');
    expect(await waiting()).toEqual(['a1']);
  });
}
