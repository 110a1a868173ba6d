import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import { MOST_COUNTED } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease, Settlement } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { BrokerWorld } from './broker-world.js';
import { expectTrueCounts } from './counted-keys.js';
import { element, ids, keyed, ofKeyIn, prioritised } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const QUEUE = 'orders.place';
const HOUR_MS = 3_600_000;

/** Counts of keys that somebody made wrong by hand, and their repair, on every broker. Call it within a `describe`. */
export function laneRepairContract(world: BrokerWorld): void {
  let broker: Broker;
  let admin: AdminBroker;
  let lease: Lease;

  beforeEach(async () => {
    broker = await world.open();
    admin = world.openAdmin();
    lease = await broker.join(QUEUE, LEASE_TERMS, () => undefined);
  });

  afterEach(async () => {
    await lease.leave();
  });

  async function push(...names: string[]): Promise<void> {
    for (const name of names) await broker.push(QUEUE, name, ofKeyIn(name));
  }

  async function exchange(
    settlements: readonly Settlement[],
    take: number,
  ): Promise<readonly Buffer[]> {
    return withLease(await lease.exchange(settlements, take)).taken;
  }

  /** What waits. */
  async function waiting(): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).waiting);
  }

  /** Finds these, repairs them, and finds nothing any more. */
  async function repaired(wrong: readonly object[], inLanes = 0): Promise<void> {
    const found = {
      wrong: expect.arrayContaining([...wrong]) as unknown,
      inLanes: { counted: inLanes, there: inLanes },
    };
    expect(await admin.checkLanes(QUEUE)).toEqual(found);
    const told = await admin.repairLanes(QUEUE);
    expect(told).toEqual(found);
    expect(told?.wrong).toHaveLength(wrong.length);
    expect((await admin.checkLanes(QUEUE))?.wrong).toEqual([]);
    expectTrueCounts(await world.dump(QUEUE));
  }

  /** Changes nothing, wherever messages are. */
  async function expectRight(): Promise<void> {
    const before = await world.dump(QUEUE);
    expect((await admin.checkLanes(QUEUE))?.wrong).toEqual([]);
    expect((await admin.repairLanes(QUEUE))?.wrong).toEqual([]);
    expect(await world.dump(QUEUE)).toEqual(before);
  }

  test('finds nothing in a queue that nobody has ever used', async () => {
    const nothing = { wrong: [], inLanes: { counted: 0, there: 0 } };
    expect(await admin.checkLanes('nowhere')).toEqual(nothing);
    expect(await admin.repairLanes('nowhere')).toEqual(nothing);
  });

  test('leaves alone what is right, wherever messages are', async () => {
    await push('a1', 'b1', 'c1', '-1', 'd1');
    const [first, second, third] = await exchange([], 3);
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('Too few are out.');
    const retried = withNextAttempt(second, 'new');
    await exchange([{ kind: 'retry', element: second, replacement: retried, delayMs: HOUR_MS }], 0);
    await push('a2', 'a3', 'b2', 'c2', 'd2');
    const dueMs = broker.nowMs() + HOUR_MS;
    await broker.push(QUEUE, 'a9', keyed('a', 'a9'), { dueMs });
    await broker.push(QUEUE, 'e9', keyed('e', 'e9'), { dueMs });
    await broker.push(QUEUE, 'f1', prioritised(9, 'f1', 'f'));
    await broker.push(QUEUE, 'f2', prioritised(9, 'f2', 'f'));
    await admin.setKeyPaused(QUEUE, 'a', true);
    await admin.setKeyPaused(QUEUE, 'g', true);
    await expectRight();
    await admin.setKeyPaused(QUEUE, 'g', false);
    await admin.setKeyPaused(QUEUE, 'a', false);
    await expectRight();
    await exchange(
      [first, third].map((it) => ({ kind: 'ack', element: it })),
      0,
    );
  });

  test('lets a key go on whose messages were deleted with their list, in order', async () => {
    await push('a1', '-1', 'a2', 'a3', 'b1');
    await world.dropWaiting(QUEUE);
    await repaired(
      [
        { key: 'a', counted: 1, out: 0, waiting: 2 },
        { key: 'b', counted: 1, out: 0, waiting: 0 },
      ],
      2,
    );
    expect(await waiting()).toEqual(['a2']);
    await push('a4', 'b2');
    const [next, other] = await exchange([], 10);
    if (next === undefined || other === undefined) throw new Error('They did not go on.');
    expect(ids([next, other])).toEqual(['a2', 'b2']);
    expect(ids(await exchange([{ kind: 'ack', element: next }], 10))).toEqual(['a3']);
  });

  test('lets keys go on of which what was held, or suspected, was deleted', async () => {
    await push('a1', 'a2');
    await exchange([], 1);
    await world.pushSuspects(QUEUE, '{"rq":1,"crashes":1,"key":"s","id":"s1"}\n{}');
    await world.setOut(QUEUE, 's', 1);
    await push('s2');
    await expectRight();
    await world.dropHeld(QUEUE, lease.consumer);
    await world.dropSuspects(QUEUE);
    await repaired(
      [
        { key: 'a', counted: 1, out: 0, waiting: 1 },
        { key: 's', counted: 1, out: 0, waiting: 1 },
      ],
      2,
    );
    expect((await waiting()).toSorted()).toEqual(['a2', 's2']);
  });

  test('wakes consumers that wait', async () => {
    await push('a1', 'a2');
    await world.dropWaiting(QUEUE);
    const wait = lease.wait(new AbortController().signal);
    await admin.repairLanes(QUEUE);
    const taken = await wait;
    expect(Buffer.isBuffer(taken) && ids([taken])).toEqual(['a2']);
  });

  test('raises the count of a key of which somebody wrote more into the list', async () => {
    await push('a1', 'a2');
    await world.pushForeign(QUEUE, '{"rq":1,"key":"a","id":"x"}\n{}');
    await repaired([{ key: 'a', counted: 1, out: 2, waiting: 1 }], 1);
    const [first, forged] = await exchange([], 10);
    if (first === undefined || forged === undefined) throw new Error('Too few are out.');
    expect(await exchange([{ kind: 'ack', element: forged }], 10)).toEqual([]);
    expect(ids(await exchange([{ kind: 'ack', element: first }], 10))).toEqual(['a2']);
  });

  test('an element written by hand with a key in use frees one of that key when it ends', async () => {
    await push('a1', 'a2');
    await world.pushForeign(QUEUE, '{"rq":1,"key":"a","id":"x"}\n{}');
    const [first, forged] = await exchange([], 10);
    if (first === undefined || forged === undefined) throw new Error('Too few are out.');
    expect(ids(await exchange([{ kind: 'ack', element: forged }], 10))).toEqual(['a2']);
    await repaired([{ key: 'a', counted: 1, out: 2, waiting: 0 }]);
  });

  test('a key without a count goes on, and one with a count for nothing loses it', async () => {
    await push('a1', 'a2', 'a3', 'b1');
    await world.dropWaiting(QUEUE);
    await push('c1');
    await world.setOut(QUEUE, 'b', undefined);
    await world.setOut(QUEUE, 'a', undefined);
    await world.setOut(QUEUE, 'z', 7);
    await world.setOut(QUEUE, 'n', 0);
    await world.setOut(QUEUE, 'c', 2);
    const told = await admin.repairLanes(QUEUE);
    expect(told?.wrong).toHaveLength(4);
    expect(told?.wrong).toEqual(
      expect.arrayContaining([
        { key: 'a', counted: 0, out: 0, waiting: 2 },
        { key: 'z', counted: 7, out: 0, waiting: 0 },
        { key: 'n', counted: 0, out: 0, waiting: 0 },
        { key: 'c', counted: 2, out: 1, waiting: 0 },
      ]),
    );
    expect(await waiting()).toEqual(['c1', 'a2']);
    expectTrueCounts(await world.dump(QUEUE));
  });

  test('a key that rests stays where it is, and gets its count back', async () => {
    await push('a1', 'a2');
    await admin.setKeyPaused(QUEUE, 'a', true);
    await world.dropWaiting(QUEUE);
    await repaired([{ key: 'a', counted: 1, out: 0, waiting: 1 }], 1);
    expect(await waiting()).toEqual([]);
    await world.setOut(QUEUE, 'a', undefined);
    await repaired([{ key: 'a', counted: 0, out: 0, waiting: 1 }], 1);
    await admin.setKeyPaused(QUEUE, 'a', false);
    expect(await waiting()).toEqual(['a2']);
  });

  test('what goes on goes to its level, and what is in levels is counted', async () => {
    await push('-1');
    await broker.push(QUEUE, 'a1', prioritised(9, 'a1', 'a'));
    await broker.push(QUEUE, 'a2', prioritised(9, 'a2', 'a'));
    await world.setOut(QUEUE, 'a', 3);
    await repaired([{ key: 'a', counted: 3, out: 1, waiting: 1 }], 1);
    expect(ids((await world.dump(QUEUE)).levels.get(9) ?? [])).toEqual(['a1']);
    await broker.push(QUEUE, 'b1', prioritised(9, 'b1', 'b'));
    await push('b2');
    await exchange([], 3);
    await world.dropHeld(QUEUE, lease.consumer);
    await push('-2');
    await admin.repairLanes(QUEUE);
    expectTrueCounts(await world.dump(QUEUE));
    expect(ids((await world.dump(QUEUE)).levels.get(9) ?? [])).toEqual(['a2']);
    expect(await waiting()).toEqual(['-2', 'b2']);
  });

  test('as many go on as may, and counts above that are kept', async () => {
    await broker.noteTerms(QUEUE, { 'perKey.running': '3' });
    await push('a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7');
    await world.dropWaiting(QUEUE);
    await repaired([{ key: 'a', counted: 3, out: 0, waiting: 4 }], 4);
    expect(await waiting()).toEqual(['a4', 'a5', 'a6']);
    await broker.noteTerms(QUEUE, { 'perKey.running': '1' });
    await expectRight();
  });

  test('the pace of a key holds for what goes on', async () => {
    await broker.noteTerms(QUEUE, { 'perKey.rate': '1', 'perKey.perMs': '60000' });
    await push('a1', 'a2');
    await world.dropWaiting(QUEUE);
    await admin.repairLanes(QUEUE);
    const { out, resting, waiting: left } = await world.dump(QUEUE);
    expect([left, [...resting.keys()], [...out]]).toEqual([[], ['a'], [['a', 0]]]);
    await admin.purge(QUEUE, 'all');
    await world.passTime(HOUR_MS, QUEUE);
  });

  test('messages with parked bodies are counted as others are', async () => {
    const large = `"${'x'.repeat(200_000)}"`;
    await broker.push(QUEUE, 'a1', keyed('a', 'a1', large));
    await broker.push(QUEUE, 'a2', keyed('a', 'a2', large));
    await expectRight();
    await world.setOut(QUEUE, 'a', 2);
    await repaired([{ key: 'a', counted: 2, out: 1, waiting: 1 }], 1);
    expect(await waiting()).toEqual(['a1']);
    await admin.purge(QUEUE, 'all');
  });

  describe('a queue that is too long', () => {
    test('is left alone, and one that is just short enough is not', async () => {
      await push('a1', 'a2');
      await world.dropWaiting(QUEUE);
      const most = Array.from({ length: MOST_COUNTED }, (_, n) => element(`n${n}`));
      await world.pushForeign(QUEUE, ...most);
      expect(await admin.checkLanes(QUEUE)).toBeUndefined();
      expect(await admin.repairLanes(QUEUE)).toBeUndefined();
      expect([...(await world.dump(QUEUE)).out]).toEqual([['a', 1]]);
      // Makes room for the consumer, the count and the one that goes on.
      for (const one of most.slice(0, 5)) await admin.remove(QUEUE, Buffer.from(one));
      await repaired([{ key: 'a', counted: 1, out: 0, waiting: 1 }], 1);
      await admin.purge(QUEUE, 'all');
    });
  });

  test('very many keys go on', async () => {
    const keys = Array.from({ length: 1_500 }, (_, n) => `k${n}`);
    for (const n of [1, 2])
      await Promise.all(
        keys.map((key) => broker.push(QUEUE, `${key}-${n}`, keyed(key, `${key}-${n}`))),
      );
    await world.dropWaiting(QUEUE);
    expect((await admin.repairLanes(QUEUE))?.wrong).toHaveLength(1_500);
    const dump = await world.dump(QUEUE);
    expectTrueCounts(dump);
    expect([dump.waiting.length, dump.inLanes]).toEqual([1_500, 0]);
    await admin.purge(QUEUE, 'all');
  });
}
