import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker, WakeNews } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Lease,
  ReadKey,
  Settlement,
  UnkeyedPart,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import {
  deadLetterElement,
  redrivenElement,
} from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { decodeElement, idOf } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld } from './broker-world.js';
import { expectTrueCounts } from './counted-keys.js';
import { element, failureIn, ids, keyed, prioritised } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const PATTERN = 'order.placed';
const QUEUE = '@billing/order.placed';
const ALL = 100;

/** The key that tests tell from an id: its first letter, and none for `-`. */
function keyOf(bytes: Buffer): string | undefined {
  const [key = '-'] = idOf(bytes) ?? '-';
  return key === '-' ? undefined : key;
}

function read(elements: readonly Buffer[]): readonly ReadKey[] {
  return elements.map((bytes) => ({ element: bytes, key: keyOf(bytes) }));
}

/** What waits until its key was read, on every broker. Call it within a `describe`. */
export function unkeyedContract(world: BrokerWorld): void {
  let broker: Broker;
  let admin: AdminBroker;
  let joined: Lease[];

  beforeEach(async () => {
    joined = [];
    broker = await world.open();
    admin = world.openAdmin();
  });

  afterEach(async () => {
    expectTrueCounts(await world.dump(QUEUE));
    await Promise.allSettled(joined.map((lease) => lease.leave()));
  });

  async function join(
    readsKeys: true | undefined,
    { by = broker, hear = [] }: { by?: Broker; hear?: WakeNews[] } = {},
  ): Promise<Lease> {
    const terms = { ...LEASE_TERMS, subscription: { readsKeys } };
    const lease = await by.join(QUEUE, terms, (news) => hear.push(news));
    joined.push(lease);
    return lease;
  }

  async function emit(...names: string[]): Promise<void> {
    for (const name of names) await broker.publish(PATTERN, name, element(name));
  }

  async function next(lease: Lease, most = ALL, known: readonly ReadKey[] = []): Promise<Buffer[]> {
    const part = withLease(await lease.readUnkeyed(known, most));
    if (part === 'others') throw new Error('Another lease reads.');
    return [...part.elements];
  }

  /** Reads and lets go all that waits. */
  async function readAll(lease: Lease): Promise<void> {
    for (let some = await next(lease); some.length > 0;) some = await next(lease, ALL, read(some));
  }

  async function crashes(lease: Lease, most = ALL): Promise<UnkeyedPart['crashes']> {
    const part = withLease(await lease.readUnkeyed([], most));
    if (part === 'others') throw new Error('Another lease reads.');
    return part.crashes;
  }

  async function take(lease: Lease, count = ALL): Promise<(string | undefined)[]> {
    return ids(withLease(await lease.exchange([], count)).taken);
  }

  async function where(): Promise<object> {
    const { unkeyed, waiting, lanes } = await world.dump(QUEUE);
    const inLanes = [...lanes].sort().flatMap(([, lane]) => ids(lane));
    return { unkeyed: ids(unkeyed), waiting: ids(waiting), inLanes };
  }

  test('copies wait until their keys were read, and then go on in their order', async () => {
    const lease = await join(true);
    await emit('a1', 'b1', 'a2', '-1', 'b2');
    expect(await take(lease)).toEqual([]);
    const elements = await next(lease);
    expect(ids(elements)).toEqual(['a1', 'b1', 'a2', '-1', 'b2']);
    expect(await where()).toMatchObject({ unkeyed: ['a1', 'b1', 'a2', '-1', 'b2'] });

    expect(await next(lease, ALL, read(elements))).toEqual([]);
    expect(await where()).toEqual({
      unkeyed: [],
      waiting: ['a1', 'b1', '-1'],
      inLanes: ['a2', 'b2'],
    });
    const { taken } = withLease(await lease.exchange([], 3));
    expect(taken.map((bytes) => decodeElement(bytes).key)).toEqual(['a', 'b', undefined]);
  });

  test('keys leave every other byte as it is', async () => {
    const lease = await join(true);
    const odd = '{"rq":1,"priority":7,"id":"a1","at":1,"x":12345678901234567890}\n{"n":1}';
    await broker.publish(PATTERN, 'a1', odd);
    await readAll(lease);
    const { taken } = withLease(await lease.exchange([], 1));
    const expected = odd.replace('{"rq":1', '{"rq":1,"key":"a"');
    expect(String(taken[0])).toBe(expected);
  });

  test('a key that the sender gave stays, and does not pass what waits for its key', async () => {
    const lease = await join(true);
    await emit('a1');
    await broker.publish(PATTERN, 'a2', keyed('a', 'a2'));
    expect(await where()).toMatchObject({ unkeyed: ['a1', 'a2'], waiting: [] });
    const elements = await next(lease);
    const [first, second] = read(elements);
    if (first === undefined || second === undefined) throw new Error('Two were expected.');
    await next(lease, ALL, [first, { ...second, key: undefined }]);
    expect(await where()).toEqual({ unkeyed: [], waiting: ['a1'], inLanes: ['a2'] });
  });

  test('what is enqueued to the group waits too, also when it is due, but no retry', async () => {
    const lease = await join(true);
    await broker.push(QUEUE, 'a1', element('a1'));
    await broker.push(QUEUE, 'a2', keyed('a', 'a2'));
    await broker.push(QUEUE, 'a3', prioritised(9, 'a3'));
    await broker.push(QUEUE, 'a4', element('a4'), { dueMs: broker.nowMs() + 60_000 });
    const retried = Buffer.from('{"rq":1,"attempt":2,"id":"r1","at":1}\n{}');
    await broker.push(QUEUE, 'r1', retried, { dueMs: broker.nowMs() + 60_000 });
    await world.ageDelayed(QUEUE, 60_000);
    expect(await take(lease)).toEqual(['r1']);
    expect(await where()).toMatchObject({ unkeyed: ['a1', 'a2', 'a3', 'a4'], waiting: [] });
  });

  test('pushes by a plain command stop within a second once keys are read', async () => {
    const plain = await join(undefined);
    for (let n = 0; n < 5; n += 1) await broker.push(QUEUE, `-${n}`, element(`-${n}`));
    expect(await take(plain)).toHaveLength(5);
    await plain.leave();
    await join(true);
    await eventually(async () => {
      await broker.push(QUEUE, 'a1', element('a1'));
      expect((await world.dump(QUEUE)).unkeyed.length).toBeGreaterThan(0);
    }, 3_000);
  });

  test('redriven messages and replayed events wait too, and get a key only once', async () => {
    const lease = await join(true);
    await broker.declare({ pattern: PATTERN, history: { maxLength: 10, maxAgeMs: undefined } });
    await emit('a1', 'a2');
    await readAll(lease);
    const { taken } = withLease(await lease.exchange([], 1));
    const [first] = taken;
    if (first === undefined) throw new Error('One was expected.');
    const replacement = deadLetterElement(first, failureIn(QUEUE));
    await lease.exchange([{ kind: 'deadLetter', element: first, replacement }], 0);
    const [letter] = await admin.deadLetters(QUEUE, {
      from: undefined,
      offset: 0,
      count: 1,
      isNewestFirst: false,
    });
    if (letter === undefined) throw new Error('There is no dead letter.');
    const again = { entry: letter.entry, element: redrivenElement(letter.element) };
    expect(await admin.redrive(QUEUE, [again])).toBe(1);
    const to = (await admin.events.lastEntry(PATTERN, undefined)) ?? '';
    await admin.events.replay(PATTERN, QUEUE, { from: 'earliest', to });
    const waits = (await world.dump(QUEUE)).unkeyed;
    expect(ids(waits)).toEqual(['a1', 'a1', 'a2']);
    expect(waits.map((bytes) => decodeElement(bytes).key)).toEqual(['a', undefined, undefined]);
  });

  test('a new group that begins in a history reads the keys of what it gets from there', async () => {
    await broker.declare({ pattern: PATTERN, history: { maxLength: 10, maxAgeMs: undefined } });
    await emit('a1', 'b1', 'a2');
    const terms = { ...LEASE_TERMS, subscription: { from: 'earliest', readsKeys: true as const } };
    const lease = await broker.join(QUEUE, terms, () => undefined);
    joined.push(lease);
    expect(ids(await next(lease))).toEqual(['a1', 'b1', 'a2']);
  });

  test('what waited without keys before anybody read them gets its keys first', async () => {
    await broker.declare({ pattern: PATTERN, groups: ['billing'] });
    await emit('a1', 'a2', 'b1');
    const lease = await join(true);
    await emit('a3');
    expect(ids(await next(lease))).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  test('what has keys already stays where it is when somebody begins to read them', async () => {
    await broker.declare({ pattern: PATTERN, groups: ['billing'] });
    await broker.publish(PATTERN, 'a1', keyed('a', 'a1'));
    await broker.publish(PATTERN, 'a2', keyed('a', 'a2'));
    await join(true);
    expect(await where()).toEqual({ unkeyed: [], waiting: ['a1'], inLanes: ['a2'] });
  });

  describe('one lease reads', () => {
    test('the others are told so, and the one that reads is reminded', async () => {
      const heard: WakeNews[] = [];
      const lease = await join(true, { hear: heard });
      const other = await join(true, { by: await world.open() });
      await next(lease);
      await emit('a1');
      await eventually(() => expect(heard).toContain('keys'));
      heard.length = 0;
      expect(await other.readUnkeyed([], ALL)).toBe('others');
      await eventually(() => expect(heard).toContain('keys'));
      expect(await where()).toMatchObject({ unkeyed: ['a1'] });
    });

    test('all hear of messages while nobody reads', async () => {
      const heard: WakeNews[] = [];
      await join(true, { hear: heard });
      await emit('a1');
      await eventually(() => expect(heard).toContain('keys'));
    });

    test('another one takes over when it gives up, leaves, or loses its lease', async () => {
      const lease = await join(true);
      const other = await join(true, { by: await world.open() });
      await emit('a1', 'a2', 'a3');
      const [first] = read(await next(lease, 1));
      expect(await next(lease, 0, first && [first])).toEqual([]);
      expect(ids(await next(other, 1))).toEqual(['a2']);
      await other.leave();
      expect(await crashes(lease, 1)).toBe(0);
      await world.endLease(QUEUE, lease.consumer);
      world.expectFenced();
      const third = await join(true);
      expect(await third.reclaim(lease.consumer, 1)).toBe(0);
      expect(ids(await next(third))).toEqual(['a2']);
      expect(await lease.readUnkeyed([], ALL)).toBe('leaseLost');
      await readAll(third);
    });

    test('what another one has let go, or an admin removed, is not let go again', async () => {
      const lease = await join(true);
      const other = await join(true, { by: await world.open() });
      await emit('a1', 'a2', 'a3');
      const early = read(await next(lease));
      await next(lease, 0);
      const [first] = read(await next(other, 1));
      await next(other, 0, first && [first]);
      // It reads once more, with what it has read before.
      await next(lease, 1);
      expect(ids(await next(lease, ALL, early))).toEqual(['a2', 'a3']);
      const rest = read(await next(lease));
      const found = await admin.find(QUEUE, 'a2');
      expect(found).toMatchObject({ place: 'waiting' });
      expect(found && (await admin.remove(QUEUE, found.element))).toBe(true);
      expect(ids(await next(lease, ALL, rest))).toEqual(['a3']);
      await readAll(lease);
      expect(await where()).toEqual({ unkeyed: [], waiting: ['a1'], inLanes: ['a3'] });
    });

    test('after that, a process that runs suspects does not read them, but another one does', async () => {
      const lease = await join(true);
      await emit('-1', 'a1', 'a2');
      const [first] = read(await next(lease, 1));
      await next(lease, 2, first && [first]);
      expect(await take(lease)).toEqual(['-1']);
      await world.endLease(QUEUE, lease.consumer);
      world.expectFenced();
      const heard: WakeNews[] = [];
      const heir = await join(true, { hear: heard });
      await heir.reclaim(lease.consumer, 1);
      // Nobody runs the suspect yet.
      expect(await next(heir)).toEqual([]);
      const isClaimed = { suspects: 'mine' };
      expect(await heir.exchange([], 0, 'claim')).toMatchObject(isClaimed);
      expect(await next(heir)).toEqual([]);

      const elsewhere = await join(true, { by: await world.open() });
      expect(ids(await next(elsewhere))).toEqual(['a1']);
      await next(elsewhere, 0);

      const { taken } = withLease(await heir.exchange([], 0, 'next'));
      const done = taken.map((bytes): Settlement => ({ kind: 'ack', element: bytes }));
      await heir.exchange(done, 0, 'keep');
      heard.length = 0;
      expect(await heir.exchange([], 0, 'next')).toMatchObject({ suspects: 'none' });
      await eventually(() => expect(heard).toContain('keys'));
      expect(ids(await next(heir))).toEqual(['a1']);
      await readAll(heir);
    });

    test('with the death of one that read, its messages are read one by one and counted', async () => {
      const lease = await join(true);
      await emit('a1', 'a2', 'a3');
      let reader = lease;
      const die = async (): Promise<void> => {
        await world.endLease(QUEUE, reader.consumer);
        const heir = await join(true);
        await heir.reclaim(reader.consumer, 1);
        reader = heir;
      };
      world.expectFenced();
      expect(await next(reader)).toHaveLength(3);
      await die();
      expect(await crashes(reader)).toBe(1);
      const one = await next(reader);
      expect(ids(one)).toEqual(['a1']);
      await die();
      expect(await crashes(reader)).toBe(2);
      // The first was to blame; for the others it was one crash.
      expect(ids(await next(reader, ALL, read(one)))).toEqual(['a2']);
      expect(await crashes(reader)).toBe(1);
      await die();
      expect(await crashes(reader)).toBe(2);
      const second = await next(reader);
      expect(ids(await next(reader, ALL, read(second)))).toEqual(['a3']);
      const third = await next(reader);
      expect(await next(reader, ALL, read(third))).toEqual([]);
      await emit('b1', 'b2');
      expect(ids(await next(reader))).toEqual(['b1', 'b2']);
      expect(await crashes(reader)).toBe(0);
      await readAll(reader);
    });
  });

  describe('a lease that tells no keys', () => {
    test('leaves messages to those that do, also while they are away for a moment', async () => {
      const lease = await join(true);
      const plain = await join(undefined, { by: await world.open() });
      await emit('a1', 'a2');
      expect(await plain.passUnkeyed()).toBe('done');
      expect(await where()).toMatchObject({ unkeyed: ['a1', 'a2'] });
      await readAll(lease);
    });

    test('lets them go on without keys when none of those is left, and then nothing waits any more', async () => {
      const lease = await join(true);
      const plain = await join(undefined, { by: await world.open() });
      await emit(...Array.from({ length: 700 }, (_, n) => `a${n}`));
      await lease.leave();
      expect(await plain.passUnkeyed()).toBe('more');
      await emit('a700');
      expect(await plain.passUnkeyed()).toBe('done');
      await emit('a701');
      const { unkeyed, waiting } = await world.dump(QUEUE);
      expect(unkeyed).toEqual([]);
      expect(ids(waiting)).toEqual(Array.from({ length: 702 }, (_, n) => `a${n}`));
      expect(await plain.passUnkeyed()).toBe('done');
    });

    test('learns from a renewal that messages wait', async () => {
      const plain = await join(undefined);
      expect(withLease(await plain.renew()).hasUnkeyed).toBeUndefined();
      const lease = await join(true);
      await emit('a1');
      expect(withLease(await plain.renew()).hasUnkeyed).toBe(true);
      await readAll(lease);
    });
  });

  test('they count for the bound, and for an admin, who finds, removes and purges them', async () => {
    const lease = await join(true);
    await broker.noteTerms(QUEUE, { maxLength: '3' });
    await emit('a1', 'a2', 'a3');
    await expect(emit('a4')).rejects.toThrow('is full');
    expect(await broker.length(QUEUE)).toEqual({ length: 3, maxLength: 3 });
    const counted = { waiting: 0, unkeyed: 3, inLanes: 0, isFull: true };
    expect(await admin.lengths(QUEUE)).toMatchObject(counted);
    expect(await admin.look(QUEUE)).toMatchObject(counted);
    const found = await admin.find(QUEUE, 'a2');
    expect(found).toMatchObject({ place: 'waiting' });
    expect(found && (await admin.remove(QUEUE, found.element))).toBe(true);
    expect(await admin.purge(QUEUE, 'delayed')).toBe(0);
    expect(await admin.purge(QUEUE, 'waiting')).toBe(2);
    expect(await next(lease)).toEqual([]);
  });

  test('their parked bodies go with them when they are purged', async () => {
    await join(true);
    await broker.publish(PATTERN, 'a1', element('a1', JSON.stringify('x'.repeat(150_000))));
    expect((await world.dump(QUEUE)).parked).toHaveLength(1);
    expect(await admin.purge(QUEUE, 'all')).toBe(1);
    expect((await world.dump(QUEUE)).parked).toEqual([]);
  });

  test.each(['drop', 'keep'] as const)('a group that is retired can %s them', async (waiting) => {
    const lease = await join(true);
    await emit('a1', 'a2');
    const dropped = waiting === 'drop' ? 2 : 0;
    expect(await admin.events.retire(QUEUE, waiting)).toEqual({ wasThere: true, dropped });
    expect(ids(await next(lease))).toEqual(waiting === 'drop' ? [] : ['a1', 'a2']);
    await broker.push(QUEUE, 'a3', element('a3'));
    expect(ids((await world.dump(QUEUE)).unkeyed)).toEqual(
      waiting === 'drop' ? [] : ['a1', 'a2', 'a3'],
    );
    await readAll(lease);
  });
}
