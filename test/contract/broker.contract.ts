import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  LeaseTerms,
  Settlement,
  TrialStep,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { InvalidPatternError } from '../../libs/redis-queue-transport/src/core/errors/start-errors.js';
import { eventually } from '../support/eventually.js';
import { heldIn } from '../support/queue-dump.js';
import { ENDED_MS } from './broker-world.js';
import type { BrokerWorld } from './broker-world.js';
import { counts, element, ids, view, brought } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const QUEUE = 'orders.place';
const TERMS = { ...LEASE_TERMS, deadLetterLimit: 3 };
const NEVER = new AbortController().signal;
/** So long that not even a third of it passes during a test. */
const LONG = { leaseMs: 3_000_000_000 };
const HOUR_MS = 3_600_000;

/** What every broker does, verb by verb. Call it within a `describe`. */
export function brokerContract(world: BrokerWorld): void {
  let broker: Broker;
  let joined: Lease[];

  beforeEach(async () => {
    joined = [];
    broker = await world.open();
  });

  // A lease that was lost, or whose broker was closed, can no longer be left.
  afterEach(() => Promise.allSettled(joined.map((lease) => lease.leave())));

  async function pushAll(...names: string[]): Promise<void> {
    for (const name of names) await broker.push(QUEUE, name, element(name));
  }

  function join(terms: Partial<LeaseTerms> = {}): Promise<Lease> {
    return joinAs(broker, QUEUE, terms);
  }

  async function joinAs(
    member: Broker,
    queue: string,
    terms: Partial<LeaseTerms> = {},
    onWake: () => void = () => undefined,
  ): Promise<Lease> {
    const lease = await member.join(queue, { ...TERMS, ...terms }, onWake);
    joined.push(lease);
    return lease;
  }

  async function take(lease: Lease, count: number): Promise<readonly Buffer[]> {
    return (await exchange(lease, [], count)).taken;
  }

  async function exchange(
    lease: Lease,
    settlements: readonly Settlement[],
    count = 0,
  ): Promise<Exchange> {
    return withLease(await lease.exchange(settlements, count));
  }

  function pushLater(name: string, inMs: number): Promise<'added' | 'duplicate'> {
    return broker.push(QUEUE, name, element(name), { dueMs: broker.nowMs() + inMs });
  }

  /** Due after each other, and all of them after the test, unless it lets two hours pass. */
  async function pushAllLater(...names: readonly string[]): Promise<void> {
    const dueMs = broker.nowMs() + HOUR_MS;
    for (const [index, name] of names.entries())
      await broker.push(QUEUE, name, element(name), { dueMs: dueMs + index });
  }

  async function waitingIds(): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).waiting);
  }

  /** The consumers that a renewal reports as possibly dead. */
  async function named(lease: Lease): Promise<string[]> {
    const renewal = withLease(await lease.renew());
    return renewal.doubtful.map(({ consumer }) => consumer);
  }

  /** The fenced consumers that a renewal asks this one to check. */
  async function fenced(lease: Lease): Promise<readonly string[]> {
    const renewal = withLease(await lease.renew());
    return renewal.fenced;
  }

  /** A new consumer takes this many messages and dies. */
  async function crashWhileHolding(count: number): Promise<string> {
    const lease = await join();
    await take(lease, count);
    await world.endLease(QUEUE, lease.consumer);
    world.expectFenced();
    return lease.consumer;
  }

  /** A new consumer gets the trial, takes this many suspects, and dies. */
  async function crashWhileTesting(count: number): Promise<string> {
    const lease = await join();
    await lease.exchange([], 0, 'claim');
    for (let taken = 0; taken < count; taken += 1) await lease.exchange([], 0, 'next');
    await world.endLease(QUEUE, lease.consumer);
    return lease.consumer;
  }

  describe('push', () => {
    test('adds each message behind those before it', async () => {
      await pushAll('a', 'b', 'c');
      expect(await waitingIds()).toEqual(['a', 'b', 'c']);
    });

    test('keeps the order of messages that are pushed together, however many', async () => {
      const names = Array.from({ length: 2_500 }, (_, index) => `m${index}`);
      await Promise.all(names.map((name) => broker.push(QUEUE, name, element(name))));
      expect(await waitingIds()).toEqual(names);
    });

    test('keeps the bytes of a body that is not text', async () => {
      const bytes = Buffer.concat([
        Buffer.from('{"rq":1,"id":"x"}\n'),
        Buffer.from([0, 255, 10, 13]),
      ]);
      await broker.push(QUEUE, 'x', bytes);
      expect(await take(await join(), 1)).toEqual([bytes]);
    });
  });

  describe('push with a time in the future', () => {
    test('holds the message back until then, and hands it out before those that wait', async () => {
      const lease = await join();
      expect(await pushLater('later', HOUR_MS)).toBe('added');
      await pushAll('now');
      const reply = await exchange(lease, [], 1);
      expect(ids(reply.taken)).toEqual(['now']);
      expect(reply.dueInMs).toBeGreaterThan(0);
      await pushAll('after');
      await world.ageDelayed(QUEUE, HOUR_MS);
      expect((await exchange(lease, [], 0)).dueInMs).toBeUndefined();
      expect(ids(await take(lease, 2))).toEqual(['later', 'after']);
    });

    test('leaves due messages where they are, in order, while nothing is taken', async () => {
      await pushAllLater('first', 'second', 'third');
      await pushAll('waits');
      const lease = await join();
      await world.ageDelayed(QUEUE, 2 * HOUR_MS);
      for (let call = 0; call < 3; call += 1)
        expect((await exchange(lease, [], 0)).dueInMs).toBeUndefined();
      expect(ids((await world.dump(QUEUE)).delayed)).toEqual(['first', 'second', 'third']);
      expect(ids(await take(lease, 4))).toEqual(['first', 'second', 'third', 'waits']);
    });

    test('leaves due messages where they are while the queue is paused', async () => {
      await pushAllLater('first', 'second', 'third');
      await world.setPaused(QUEUE, true);
      const lease = await join();
      await world.ageDelayed(QUEUE, 2 * HOUR_MS);
      for (let call = 0; call < 3; call += 1)
        expect((await exchange(lease, [], 5)).dueInMs).toBeUndefined();
      await world.setPaused(QUEUE, false);
      expect(ids(await take(lease, 3))).toEqual(['first', 'second', 'third']);
    });

    test('hands a due message to another consumer that waits, while this one takes nothing', async () => {
      const [lease, other] = [await join(), await join()];
      const wait = brought(other.wait(NEVER));
      await pushLater('due', 20);
      await eventually(async () => {
        await exchange(lease, [], 0);
        expect(heldIn(await world.dump(QUEUE))).toBe(1);
      });
      expect(ids([await wait])).toEqual(['due']);
    });

    test.each([1, 2, 5])(
      'hands out one that was offered to other consumers, and that nobody took, before those that are due later (%p at a time)',
      async (count) => {
        await pushAllLater('first');
        const lease = await join();
        await world.ageDelayed(QUEUE, HOUR_MS + 1);
        await exchange(lease, [], 0);
        expect(await waitingIds()).toEqual(['first']);
        await pushAll('sent');
        await pushAllLater('second', 'third');
        await world.ageDelayed(QUEUE, 2 * HOUR_MS);
        const taken: Buffer[] = [];
        while (taken.length < 4) taken.push(...(await take(lease, count)));
        expect(ids(taken)).toEqual(['first', 'second', 'third', 'sent']);
      },
    );

    test('lets one lease keep the time until that lease ends', async () => {
      const [lease, other] = [await join(), await join()];
      const asks = async (who: Lease): Promise<boolean> => {
        const answer = await who.exchange([], 0, undefined, 'keep');
        return answer !== 'leaseLost' && answer.isTimekeeper;
      };
      expect([await asks(lease), await asks(other), await asks(lease)]).toEqual([
        true,
        false,
        true,
      ]);
      await lease.exchange([], 0, undefined, 'yield');
      expect([await asks(other), await asks(lease)]).toEqual([true, false]);
      await other.exchange([], 0, undefined, 'yield');
      expect(await asks(lease)).toBe(true);
      await lease.leave();
      expect(await asks(other)).toBe(true);
      world.expectFenced();
      await world.endLease(QUEUE, other.consumer);
      const third = await join();
      await third.reclaim(other.consumer, ENDED_MS);
      expect(await asks(third)).toBe(true);
    });

    test('orders messages by their time, not by when they were pushed', async () => {
      await pushLater('third', 3_000_000);
      await pushLater('first', 1_000_000);
      await pushLater('second', 2_000_000);
      const dump = await world.dump(QUEUE);
      expect([ids(dump.delayed), dump.waiting]).toEqual([['first', 'second', 'third'], []]);
    });

    test('hands out several due messages in the order of their times', async () => {
      const dueMs = broker.nowMs() + HOUR_MS;
      for (const [name, afterMs] of [
        ['b', 20],
        ['a', 0],
        ['c', 40],
      ] as const)
        await broker.push(QUEUE, name, element(name), { dueMs: dueMs + afterMs });
      const lease = await join();
      await world.ageDelayed(QUEUE, 2 * HOUR_MS);
      expect(ids(await take(lease, 5))).toEqual(['a', 'b', 'c']);
    });

    test('keeps two messages with the same bytes apart', async () => {
      const dueMs = broker.nowMs() + 50;
      await broker.push(QUEUE, 'a', element('a'), { dueMs });
      await broker.push(QUEUE, 'a', element('a'), { dueMs });
      const lease = await join();
      await eventually(async () => expect((await exchange(lease, [], 0)).dueInMs).toBeUndefined());
      expect(ids(await take(lease, 3))).toEqual(['a', 'a']);
    });

    test('adds thousands of messages with the same bytes as quickly as others', async () => {
      const dueMs = broker.nowMs() + 3_600_000;
      const pushed = Array.from({ length: 5_000 }, () =>
        broker.push(QUEUE, 'a', element('a'), { dueMs }),
      );
      expect(new Set(await Promise.all(pushed))).toEqual(new Set(['added']));
      const { delayed } = await world.dump(QUEUE);
      expect([delayed.length, new Set(ids(delayed)).size]).toEqual([5_000, 1]);
    });

    test('puts a message whose time is past with those that wait', async () => {
      await broker.push(QUEUE, 'a', element('a'), { dueMs: broker.nowMs() - 10 });
      expect(await waitingIds()).toEqual(['a']);
    });

    test('wakes consumers when the message is due before all others', async () => {
      let woken = 0;
      await joinAs(broker, QUEUE, {}, () => (woken += 1));
      await pushLater('a', 50_000);
      await eventually(() => expect(woken).toBe(1));
      await pushLater('b', 60_000);
      await pushLater('c', 40_000);
      await eventually(() => expect(woken).toBe(2));
    });
  });

  describe('push with a window', () => {
    const once = { deduplicateMs: 60_000 };

    test('adds one message for each id, and says which was added', async () => {
      expect(await broker.push(QUEUE, 'a', element('a'), once)).toBe('added');
      expect(await broker.push(QUEUE, 'a', element('a', '2'), once)).toBe('duplicate');
      expect(await broker.push(QUEUE, 'b', element('b'), once)).toBe('added');
      expect(await waitingIds()).toEqual(['a', 'b']);
    });

    test('remembers the id when the message is gone', async () => {
      await broker.push(QUEUE, 'a', element('a'), once);
      const lease = await join();
      const [a] = await take(lease, 1);
      await exchange(lease, [{ kind: 'ack', element: a! }]);
      expect(await broker.push(QUEUE, 'a', element('a'), once)).toBe('duplicate');
    });

    test('forgets the id after the window', async () => {
      await broker.push(QUEUE, 'a', element('a'), { deduplicateMs: 30 });
      await eventually(async () =>
        expect(await broker.push(QUEUE, 'a', element('a'), { deduplicateMs: 30 })).toBe('added'),
      );
    });

    test('returns an answer for each of several that are pushed together', async () => {
      const names = ['a', 'b', 'a', 'c', 'b'];
      const answers = await Promise.all(
        names.map((name) => broker.push(QUEUE, name, element(name), once)),
      );
      expect(answers).toEqual(['added', 'added', 'duplicate', 'added', 'duplicate']);
    });

    test('keeps the order among messages with and without terms', async () => {
      await Promise.all([
        broker.push(QUEUE, 'a', element('a')),
        broker.push(QUEUE, 'b', element('b'), once),
        broker.push(QUEUE, 'c', element('c')),
      ]);
      expect(await waitingIds()).toEqual(['a', 'b', 'c']);
    });

    test('applies to delayed messages too', async () => {
      const terms = { ...once, dueMs: broker.nowMs() + 50_000 };
      expect(await broker.push(QUEUE, 'a', element('a'), terms)).toBe('added');
      expect(await broker.push(QUEUE, 'a', element('a'), terms)).toBe('duplicate');
      expect(ids((await world.dump(QUEUE)).delayed)).toEqual(['a']);
    });
  });

  describe('exchange', () => {
    test('takes as many as were asked for, the oldest first', async () => {
      await pushAll('a', 'b', 'c');
      const lease = await join();
      expect(ids(await take(lease, 2))).toEqual(['a', 'b']);
      expect(ids(await take(lease, 2))).toEqual(['c']);
      expect(await take(lease, 2)).toEqual([]);
    });

    test('takes thousands at once, in order', async () => {
      const names = Array.from({ length: 2_500 }, (_, n) => `m${n}`);
      await Promise.all(names.map((name) => broker.push(QUEUE, name, element(name))));
      const lease = await join();
      expect(ids(await take(lease, 2_400))).toEqual(names.slice(0, 2_400));
      expect(ids((await world.dump(QUEUE)).waiting)).toEqual(names.slice(2_400));
    });

    test('takes nothing when asked for nothing', async () => {
      await pushAll('a');
      expect(await take(await join(), 0)).toEqual([]);
      expect(await waitingIds()).toEqual(['a']);
    });

    test('holds what was taken until it is settled', async () => {
      await pushAll('a');
      const lease = await join();
      const taken = await take(lease, 1);
      const dump = await world.dump(QUEUE);
      expect(dump.waiting).toEqual([]);
      expect(dump.processing.get(lease.consumer)).toEqual(taken);
    });

    test('hands one message to one consumer', async () => {
      await pushAll('a', 'b', 'c', 'd');
      const leases = await Promise.all([join(), join()]);
      const taken = await Promise.all(leases.map((lease) => take(lease, 3)));
      expect(ids(taken.flat()).sort()).toEqual(['a', 'b', 'c', 'd']);
    });

    test('ack removes the message', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      const [a, b] = await take(lease, 2);
      expect(await exchange(lease, [{ kind: 'ack', element: a! }])).toMatchObject({ missing: 0 });
      expect((await world.dump(QUEUE)).processing.get(lease.consumer)).toEqual([b]);
    });

    test('release puts messages back to the head as they were, in the order given', async () => {
      await pushAll('a', 'b', 'c', 'd');
      const lease = await join();
      const [a, b, c] = await take(lease, 3);
      await exchange(lease, [
        { kind: 'release', element: a! },
        { kind: 'release', element: b! },
        { kind: 'release', element: c! },
      ]);
      expect(counts((await world.dump(QUEUE)).waiting)).toEqual([
        'a 1/0',
        'b 1/0',
        'c 1/0',
        'd 1/0',
      ]);
    });

    test('retry puts messages back to the head with their attempt raised, in the order given', async () => {
      await pushAll('a', 'b', 'c');
      const lease = await join();
      const [a, b] = await take(lease, 2);
      await exchange(lease, [retry(a!), retry(b!)]);
      const dump = await world.dump(QUEUE);
      expect(counts(dump.waiting)).toEqual(['a 2/0', 'b 2/0', 'c 1/0']);
      expect(heldIn(dump)).toBe(0);
    });

    test('deadLetter keeps the replacement, the newest first', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      const [a, b] = await take(lease, 2);
      await exchange(lease, [deadLettered(a!)]);
      await exchange(lease, [deadLettered(b!)]);
      const dump = await world.dump(QUEUE);
      expect(dump.dead.map(String)).toEqual(['dead b', 'dead a']);
      expect(heldIn(dump)).toBe(0);
    });

    test('keeps no more dead letters than the limit, and counts those that it dropped', async () => {
      await pushAll('a', 'b', 'c', 'd', 'e');
      const lease = await join({ deadLetterLimit: 3 });
      for (const taken of await take(lease, 5)) await exchange(lease, [deadLettered(taken)]);
      const dump = await world.dump(QUEUE);
      expect(dump.dead.map(String)).toEqual(['dead e', 'dead d', 'dead c']);
      expect(dump.deadLettersDropped).toBe(2);
    });

    test('keeps the newest of several that are given together, in the order given', async () => {
      await pushAll('a', 'b', 'c', 'd', 'e');
      const lease = await join({ deadLetterLimit: 3 });
      await exchange(lease, (await take(lease, 5)).map(deadLettered));
      const dump = await world.dump(QUEUE);
      expect(dump.dead.map(String)).toEqual(['dead e', 'dead d', 'dead c']);
    });

    test('counts every dead letter that a lowered limit drops', async () => {
      await pushAll('a', 'b', 'c', 'd');
      const before = await join({ deadLetterLimit: 3 });
      for (const taken of await take(before, 3)) await exchange(before, [deadLettered(taken)]);
      const after = await join({ deadLetterLimit: 1 });
      await exchange(after, (await take(after, 1)).map(deadLettered));
      const dump = await world.dump(QUEUE);
      expect(dump.dead.map(String)).toEqual(['dead d']);
      expect(dump.deadLettersDropped).toBe(3);
    });

    test('a limit of 0 keeps no dead letter and counts them all', async () => {
      await pushAll('a', 'b');
      const lease = await join({ deadLetterLimit: 0 });
      for (const taken of await take(lease, 2)) await exchange(lease, [deadLettered(taken)]);
      const dump = await world.dump(QUEUE);
      expect(dump.dead).toEqual([]);
      expect(dump.deadLettersDropped).toBe(2);
    });

    test.each(['expired', 'repeated'] as const)(
      'skip removes the message and counts it as %s',
      async (why) => {
        await pushAll('a', 'b');
        const lease = await join();
        const taken = await take(lease, 2);
        await exchange(
          lease,
          taken.map((bytes) => ({ kind: 'skip', element: bytes, why })),
        );
        const dump = await world.dump(QUEUE);
        expect([dump.expired, dump.repeated]).toEqual(why === 'expired' ? [2, 0] : [0, 2]);
        expect([dump.waiting, heldIn(dump)]).toEqual([[], 0]);
      },
    );

    test('retry with a pause keeps the message away until the pause is over', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      const [a] = await take(lease, 1);
      const later = { ...retry(a!), delayMs: 100 };
      const reply = await exchange(lease, [later], 2);
      expect(counts(reply.taken)).toEqual(['b 1/0']);
      expect(reply.dueInMs).toBeGreaterThan(0);
      expect(reply.dueInMs).toBeLessThanOrEqual(100);
      expect(counts((await world.dump(QUEUE)).delayed)).toEqual(['a 2/0']);
      await eventually(async () => expect(counts(await take(lease, 2))).toEqual(['a 2/0']));
      expect((await exchange(lease, [])).dueInMs).toBeUndefined();
    });

    test('settles first and takes then, in the same call', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      const [a] = await take(lease, 1);
      const { taken } = await exchange(lease, [retry(a!)], 5);
      expect(counts(taken)).toEqual(['a 2/0', 'b 1/0']);
    });

    test('settles outcomes of every kind together', async () => {
      await pushAll('a', 'b', 'c', 'd', 'e', 'f');
      const lease = await join();
      const [a, b, c, d, e] = await take(lease, 5);
      await exchange(lease, [
        { kind: 'release', element: a! },
        { kind: 'ack', element: b! },
        retry(c!),
        deadLettered(d!),
        { kind: 'skip', element: e!, why: 'expired' },
      ]);
      const dump = await world.dump(QUEUE);
      expect(counts(dump.waiting)).toEqual(['a 1/0', 'c 2/0', 'f 1/0']);
      expect([dump.dead.map(String), dump.expired, heldIn(dump)]).toEqual([['dead d'], 1, 0]);
    });

    test('counts settlements of messages that are not held, and applies the others', async () => {
      await pushAll('a');
      const lease = await join();
      const [a] = await take(lease, 1);
      const unknown = Buffer.from('never taken');
      const reply = await exchange(lease, [
        { kind: 'ack', element: unknown },
        retry(unknown),
        { kind: 'ack', element: a! },
      ]);
      expect(reply.missing).toBe(2);
      const dump = await world.dump(QUEUE);
      expect([dump.waiting, heldIn(dump)]).toEqual([[], 0]);
    });

    test.each<[Settlement['kind']]>([['ack'], ['release'], ['retry'], ['deadLetter'], ['skip']])(
      'a settlement given twice takes effect once: %s',
      async (kind) => {
        await pushAll('a', 'b');
        const lease = await join();
        const [a] = await take(lease, 1);
        const settlement = settlementOf(kind, a!);
        await exchange(lease, [settlement]);
        const once = await world.dump(QUEUE);
        expect((await exchange(lease, [settlement])).missing).toBe(1);
        expect(await world.dump(QUEUE)).toEqual(once);
      },
    );

    test.each<[Settlement['kind']]>([['ack'], ['release'], ['retry'], ['deadLetter'], ['skip']])(
      'a settlement of a message removed by hand counts as missing, and has no effect: %s',
      async (kind) => {
        await pushAll('a');
        const lease = await join();
        const [a] = await take(lease, 1);
        await world.dropHeld(QUEUE, lease.consumer);
        const before = await world.dump(QUEUE);
        expect((await exchange(lease, [settlementOf(kind, a!)])).missing).toBe(1);
        expect(await world.dump(QUEUE)).toEqual(before);
      },
    );

    test.each([[['a', 'b']], [['b', 'a']], [['c']], [['a', 'c']], [['a', 'b', 'c']]])(
      'settles those that are done and keeps those that run: %j of a, b, c',
      async (done) => {
        await pushAll('a', 'b', 'c', 'd');
        const lease = await join();
        const taken = await take(lease, 3);
        const byId = new Map(taken.map((bytes) => [ids([bytes])[0], bytes]));
        const reply = await exchange(
          lease,
          done.map((id) => ({ kind: 'ack', element: byId.get(id)! })),
          1,
        );
        expect(ids(reply.taken)).toEqual(['d']);
        expect(reply.missing).toBe(0);
        expect(ids((await world.dump(QUEUE)).processing.get(lease.consumer) ?? [])).toEqual(
          ['a', 'b', 'c', 'd'].filter((id) => !done.includes(id)),
        );
      },
    );

    test('knows which are done even if a wait and an exchange took at the same time', async () => {
      const lease = await join();
      await pushAll('a');
      const [a] = await take(lease, 1);
      const never = new AbortController();
      const waiting = lease.wait(never.signal);
      await pushAll('b');
      const [b, { taken }] = await Promise.all([
        waiting,
        pushAll('c', 'd').then(() => exchange(lease, [], 2)),
      ]);
      const running = [...taken];
      await exchange(
        lease,
        [a!, b as Buffer].map((bytes) => ({ kind: 'ack', element: bytes })),
      );
      expect(ids((await world.dump(QUEUE)).processing.get(lease.consumer) ?? []).sort()).toEqual(
        ids(running).sort(),
      );
    });

    test('settles one of two messages with the same bytes, no matter which', async () => {
      await world.pushForeign(QUEUE, 'tick', 'tick');
      const lease = await join();
      const [first, second] = await take(lease, 2);
      expect(await exchange(lease, [{ kind: 'ack', element: first! }])).toMatchObject({
        missing: 0,
      });
      expect(heldIn(await world.dump(QUEUE))).toBe(1);
      expect(await exchange(lease, [{ kind: 'ack', element: second! }])).toMatchObject({
        missing: 0,
      });
    });

    test('carries bytes that are not text, and no bytes at all, there and back', async () => {
      const strange = [Buffer.from([0, 1, 254, 255, 10, 0]), Buffer.alloc(0), Buffer.from('{')];
      await world.pushForeign(QUEUE, ...strange);
      const lease = await join();
      const taken = await take(lease, 3);
      expect(taken).toEqual(strange);
      await exchange(
        lease,
        taken.map((bytes) => ({ kind: 'release', element: bytes })),
      );
      expect((await world.dump(QUEUE)).waiting).toEqual(strange);
    });

    test('returns leaseLost and changes nothing after the lease was reclaimed', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      const [a] = await take(lease, 1);
      await world.endLease(QUEUE, lease.consumer);
      await (await join()).reclaim(lease.consumer, ENDED_MS);
      world.expectFenced();
      const before = await world.dump(QUEUE);
      expect(await lease.exchange([{ kind: 'ack', element: a! }], 5)).toBe('leaseLost');
      expect(await lease.exchange([], 1)).toBe('leaseLost');
      expect(await world.dump(QUEUE)).toEqual(before);
    });

    test('still works for an ended lease that nobody has reclaimed', async () => {
      await pushAll('a');
      const lease = await join();
      await world.endLease(QUEUE, lease.consumer);
      expect(ids(await take(lease, 1))).toEqual(['a']);
    });
  });

  describe('suspects', () => {
    /** Pushes these messages, makes them suspects, and joins. */
    async function joinWithSuspects(...names: string[]): Promise<Lease> {
      await pushAll(...names);
      const dead = await crashWhileHolding(names.length);
      const lease = await join();
      await lease.reclaim(dead, ENDED_MS);
      return lease;
    }

    async function step(lease: Lease, trial: TrialStep, ...settled: Buffer[]): Promise<Exchange> {
      const settlements = settled.map((bytes): Settlement => ({ kind: 'ack', element: bytes }));
      const answer = await lease.exchange(settlements, 0, trial);
      if (answer === 'leaseLost') throw new Error('The lease is lost.');
      return answer;
    }

    test('are not handed out among other messages, by neither exchange nor wait', async () => {
      const lease = await joinWithSuspects('a', 'b');
      expect(await exchange(lease, [], 5)).toMatchObject({ taken: [], suspects: 'free' });
      await broker.push(QUEUE, 'c', element('c'));
      expect(ids([await brought(lease.wait(NEVER))])).toEqual(['c']);
      expect(await exchange(lease, [], 1)).toMatchObject({ taken: [], suspects: 'free' });
    });

    test('are handed out one by one, until none is left, to the lease that has the right to run them', async () => {
      const lease = await joinWithSuspects('a', 'b');
      expect(await step(lease, 'claim')).toMatchObject({ taken: [], suspects: 'mine' });
      const { taken: first } = await step(lease, 'next');
      expect(counts(first)).toEqual(['a 2/1']);
      const { taken: second, suspects } = await step(lease, 'next', ...first);
      expect([counts(second), suspects]).toEqual([['b 2/1'], 'mine']);
      expect(await step(lease, 'next', ...second)).toMatchObject({ taken: [], suspects: 'none' });
    });

    test('are the right of one lease at a time', async () => {
      const lease = await joinWithSuspects('a', 'b');
      const other = await join();
      expect(await step(lease, 'claim')).toMatchObject({ suspects: 'mine' });
      for (const trial of ['claim', 'next'] as const)
        expect(await step(other, trial)).toMatchObject({ taken: [], suspects: 'others' });
      expect(await step(lease, 'yield')).toMatchObject({ suspects: 'free' });
      expect(await step(other, 'claim')).toMatchObject({ suspects: 'mine' });
    });

    test('may be claimed by another lease once the one that had the right was left or reclaimed', async () => {
      const leaving = await joinWithSuspects('a');
      const other = await join();
      await step(leaving, 'claim');
      await leaving.leave();
      expect(await step(other, 'claim')).toMatchObject({ suspects: 'mine' });
      const third = await join();
      await world.endLease(QUEUE, other.consumer);
      await third.reclaim(other.consumer, ENDED_MS);
      expect(await step(third, 'claim')).toMatchObject({ suspects: 'mine' });
    });

    test('that are released go back to the front', async () => {
      const lease = await joinWithSuspects('a', 'b');
      await step(lease, 'claim');
      const { taken } = await step(lease, 'next');
      await exchange(lease, [{ kind: 'release', element: taken[0]! }]);
      const dump = await world.dump(QUEUE);
      expect([counts(dump.suspects), dump.waiting]).toEqual([['a 2/1', 'b 2/1'], []]);
    });

    test('are not handed out while the queue is paused', async () => {
      const lease = await joinWithSuspects('a');
      await step(lease, 'claim');
      await world.setPaused(QUEUE, true);
      expect(await step(lease, 'next')).toMatchObject({ taken: [], isPaused: true });
      await world.setPaused(QUEUE, false);
    });

    test('are claimed in passing by a lease that holds nothing, which then gets nothing else', async () => {
      const lease = await joinWithSuspects('a');
      await pushAll('b', 'c', 'd');
      const [b] = await take(lease, 1);
      const busy = await lease.exchange([], 1, 'claimIfEmpty');
      expect(busy).toMatchObject({ suspects: 'free' });
      const [c] = busy === 'leaseLost' ? [] : busy.taken;
      const done = [b!, c!].map((bytes): Settlement => ({ kind: 'ack', element: bytes }));
      const empty = await lease.exchange(done, 1, 'claimIfEmpty');
      expect(empty).toMatchObject({ taken: [], suspects: 'mine' });
    });

    test('cannot be claimed if there are none', async () => {
      const lease = await join();
      expect(await step(lease, 'claim')).toMatchObject({ suspects: 'none' });
      expect(await step(lease, 'yield')).toMatchObject({ suspects: 'none' });
    });
  });

  describe('wait', () => {
    test('returns a message that is already there at once, and holds it', async () => {
      await pushAll('a');
      const lease = await join();
      const taken = await brought(lease.wait(NEVER));
      expect(ids([taken])).toEqual(['a']);
      expect(heldIn(await world.dump(QUEUE))).toBe(1);
      expect(await exchange(lease, [{ kind: 'ack', element: taken }])).toMatchObject({
        missing: 0,
      });
      expect(heldIn(await world.dump(QUEUE))).toBe(0);
    });

    test('returns a message when it comes', async () => {
      const lease = await join({ waitMs: 10_000 });
      const wait = lease.wait(NEVER);
      await pushAll('a');
      expect(ids([await brought(wait)])).toEqual(['a']);
    });

    test('returns nothing once its time is over', async () => {
      const lease = await join({ waitMs: 50 });
      expect(await lease.wait(NEVER)).toBeUndefined();
    });

    test('ends soon after its signal fires', async () => {
      const lease = await join({ waitMs: 60_000 });
      const signal = new AbortController();
      const waited = lease.wait(signal.signal);
      signal.abort();
      expect(await waited).toBeUndefined();
    });

    test('ends soon when its signal fires at any later time', async () => {
      const lease = await join({ waitMs: 60_000 });
      for (let round = 0; round < 30; round += 1) {
        const signal = new AbortController();
        const waited = lease.wait(signal.signal);
        // From the same turn of the event loop to some round trips later.
        for (let trips = 0; trips < round % 4; trips += 1) await lease.exchange([], 0);
        signal.abort();
        expect(await waited).toBeUndefined();
      }
    });

    test('does not begin if its signal has already fired', async () => {
      await pushAll('a');
      const lease = await join();
      expect(await lease.wait(AbortSignal.abort())).toBeUndefined();
      expect(await waitingIds()).toEqual(['a']);
    });

    test('takes nothing once it was ended', async () => {
      const lease = await join({ waitMs: 60_000 });
      const signal = new AbortController();
      const waited = lease.wait(signal.signal);
      await lease.exchange([], 0);
      signal.abort();
      await waited;
      await pushAll('a');
      expect(await waitingIds()).toEqual(['a']);
    });

    test('can be under way during exchanges of the same lease', async () => {
      await pushAll('a');
      const lease = await join({ waitMs: 10_000 });
      const [a] = await take(lease, 1);
      const wait = lease.wait(NEVER);
      await exchange(lease, [{ kind: 'ack', element: a! }]);
      await pushAll('b');
      expect(ids([await brought(wait)])).toEqual(['b']);
      expect(heldIn(await world.dump(QUEUE))).toBe(1);
    });
  });

  describe('an id given with an ack', () => {
    async function ackOnce(name: string, terms: Partial<LeaseTerms>): Promise<Lease> {
      await pushAll(name);
      const lease = await join(terms);
      const [taken] = await take(lease, 1);
      await exchange(lease, [{ kind: 'ack', element: taken!, onceId: name }]);
      return lease;
    }

    test('is known as handled to every consumer', async () => {
      await ackOnce('a', {});
      const other = await join();
      expect(await other.wasHandled('a')).toBe(true);
      expect(await other.wasHandled('b')).toBe(false);
    });

    test('is forgotten after the window', async () => {
      const lease = await ackOnce('a', { onceMs: 30 });
      await eventually(async () => expect(await lease.wasHandled('a')).toBe(false));
    });

    test('is not remembered if the message was no longer held', async () => {
      const lease = await join();
      const unknown = Buffer.from(element('a'));
      await exchange(lease, [{ kind: 'ack', element: unknown, onceId: 'a' }]);
      expect(await lease.wasHandled('a')).toBe(false);
    });
  });

  describe('a paused queue', () => {
    test('hands nothing out, and still settles', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      const [a] = await take(lease, 1);
      await world.setPaused(QUEUE, true);
      const reply = await exchange(lease, [{ kind: 'ack', element: a! }], 1);
      expect(reply).toMatchObject({ taken: [], missing: 0, isPaused: true });
      await world.setPaused(QUEUE, false);
      expect(await exchange(lease, [], 1)).toMatchObject({ isPaused: false });
    });

    test('wakes consumers when the pause begins and ends', async () => {
      let woken = 0;
      await joinAs(broker, QUEUE, {}, () => (woken += 1));
      await world.setPaused(QUEUE, true);
      await eventually(() => expect(woken).toBe(1));
      await world.setPaused(QUEUE, false);
      await eventually(() => expect(woken).toBe(2));
    });
  });

  describe('renew', () => {
    test('drops dead letters that are too old, and counts them', async () => {
      await pushAll('a', 'b');
      const lease = await join({ deadLetterMaxAgeMs: 40 });
      await exchange(lease, (await take(lease, 2)).map(deadLettered));
      await eventually(async () => {
        await lease.renew();
        const dump = await world.dump(QUEUE);
        expect([dump.dead, dump.deadLettersDropped]).toEqual([[], 2]);
      });
    });

    test('names the consumers whose lease has ended, and no others', async () => {
      const [lease, ended] = [await join(), await join()];
      await join();
      await world.endLease(QUEUE, ended.consumer);
      expect(await named(lease)).toEqual([ended.consumer]);
    });

    test('names a lease that is nearly over, with its end', async () => {
      const [lease, late] = [await join(), await join()];
      const endsAtMs = broker.nowMs() + TERMS.leaseMs / 2;
      await world.moveLeaseEnd(QUEUE, late.consumer, endsAtMs);
      expect(await lease.renew()).toMatchObject({
        doubtful: [{ consumer: late.consumer, endsAtMs }],
      });
    });

    test('names a lease that ends later than one that was just renewed, with its end', async () => {
      const [lease, ahead] = [await join(), await join()];
      const endsAtMs = broker.nowMs() + TERMS.leaseMs + 60_000;
      await world.moveLeaseEnd(QUEUE, ahead.consumer, endsAtMs);
      expect(await lease.renew()).toMatchObject({
        doubtful: [{ consumer: ahead.consumer, endsAtMs }],
      });
    });

    test('returns the time by which leases end', async () => {
      const renewal = withLease(await (await join()).renew());
      expect(Math.abs(renewal.nowMs - broker.nowMs())).toBeLessThan(1_000);
    });

    test('keeps a lease from being named', async () => {
      const [lease, other] = [await join(), await join()];
      await world.endLease(QUEUE, other.consumer);
      await other.renew();
      expect(await named(lease)).toEqual([]);
    });

    test('lets the lease end after its time', async () => {
      const short = await join({ leaseMs: 30 });
      const lease = await join();
      await eventually(async () => expect(await named(lease)).toEqual([short.consumer]));
    });

    test('returns leaseLost once another consumer has reclaimed the lease', async () => {
      const [lease, other] = [await join(), await join()];
      await world.endLease(QUEUE, lease.consumer);
      await other.reclaim(lease.consumer, ENDED_MS);
      world.expectFenced();
      expect(await lease.renew()).toBe('leaseLost');
    });

    test('names a fenced consumer once in each third of a lease, to only one of all leases', async () => {
      const dead = await crashWhileHolding(0);
      const leases = [await join(LONG), await join(LONG), await join(LONG)];
      await leases[0]!.reclaim(dead, ENDED_MS);
      for (let third = 0; third < 3; third += 1) {
        await world.age(QUEUE, LONG.leaseMs / 2);
        const turns = [];
        for (const lease of [...leases, ...leases]) turns.push(...(await fenced(lease)));
        expect(turns).toEqual([dead]);
      }
    });

    test('names all fenced consumers in turn, however many', async () => {
      const many = 2_500;
      const leaseMs = 90;
      const names = Array.from({ length: many }, (_, index) => `dead${index}`);
      await world.fence(QUEUE, ...names);
      world.expectFenced();
      const lease = await join({ leaseMs });
      const seen = new Set<string>();
      await eventually(async () => {
        const named = await fenced(lease);
        expect(named.length).toBeLessThanOrEqual(1_000);
        for (const name of named) seen.add(name);
        expect(seen.size).toBe(many);
      });
    });

    test('never sets the time of the broker back', async () => {
      const before = broker.nowMs();
      await (await join()).renew();
      expect(broker.nowMs()).toBeGreaterThanOrEqual(before);
    });
  });

  describe('reclaim', () => {
    test('makes everything suspect, in order, with the attempt raised and the crash counted', async () => {
      await pushAll('a', 'b', 'c', 'd');
      const dead = await crashWhileHolding(3);
      expect(await (await join()).reclaim(dead, ENDED_MS)).toBe(3);
      const dump = await world.dump(QUEUE);
      expect(counts(dump.suspects)).toEqual(['a 2/1', 'b 2/1', 'c 2/1']);
      expect(counts(dump.waiting)).toEqual(['d 1/0']);
      expect(heldIn(dump)).toBe(0);
    });

    test('puts new suspects in front of those that are there', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      for (const dead of [await crashWhileHolding(1), await crashWhileHolding(1)])
        await lease.reclaim(dead, ENDED_MS);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['b 2/1', 'a 2/1']);
    });

    test('keeps every other header and the body', async () => {
      const bytes = Buffer.concat([
        Buffer.from('{"rq":1,"id":"x","at":5,"headers":{"ä":"{\\"n\\":1}"},"expiresAt":99}\n'),
        Buffer.from([0, 10, 255, 37, 49]),
      ]);
      await broker.push(QUEUE, 'x', bytes);
      await (await join()).reclaim(await crashWhileHolding(1), ENDED_MS);
      const [back] = (await world.dump(QUEUE)).suspects;
      expect(back!.toString('latin1')).toBe(
        bytes.toString('latin1').replace('{"rq":1,', '{"rq":1,"crashes":1,"attempt":2,'),
      );
    });

    test('counts a further crash for a suspect that was running', async () => {
      await pushAll('a');
      await (await join()).reclaim(await crashWhileHolding(1), ENDED_MS);
      for (const expected of ['a 3/2', 'a 4/3']) {
        await (await join()).reclaim(await crashWhileTesting(1), ENDED_MS);
        expect(counts((await world.dump(QUEUE)).suspects)).toEqual([expected]);
      }
    });

    test('counts no crash for suspects that were not begun', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      await lease.reclaim(await crashWhileHolding(2), ENDED_MS);
      await lease.reclaim(await crashWhileTesting(1), ENDED_MS);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['a 3/2', 'b 2/1']);
    });

    test('counts a crash only for the suspect that was begun last, and puts the others behind all', async () => {
      await pushAll('a', 'b', 'c');
      const lease = await join();
      await lease.reclaim(await crashWhileHolding(3), ENDED_MS);
      // The first has run for longer than a suspect is left alone, so the second began beside it.
      await lease.reclaim(await crashWhileTesting(2), ENDED_MS);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['b 3/2', 'c 2/1', 'a 3/1']);
    });

    test('makes what ran beside a suspect a suspect too, and counts the crash for the first', async () => {
      await pushAll('a', 'b');
      const lease = await join();
      await lease.reclaim(await crashWhileHolding(1), ENDED_MS);
      const unlucky = await join();
      await take(unlucky, 1);
      await unlucky.exchange([], 0, 'claim');
      await unlucky.exchange([], 0, 'next');
      await world.endLease(QUEUE, unlucky.consumer);
      await lease.reclaim(unlucky.consumer, ENDED_MS);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['b 2/1', 'a 3/2']);
    });

    test('raises the attempt of a message that was retried before', async () => {
      await pushAll('a');
      const lease = await join();
      await exchange(lease, (await take(lease, 1)).map(retry));
      await lease.reclaim(await crashWhileHolding(1), ENDED_MS);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['a 3/1']);
    });

    test.each([
      ['JSON', '{"a":1}'],
      ['JSON of several lines', '{\n  "rq1": 2\n}'],
      ['something that looks like a header but has no body', '{"rq":1,"id":"x"}'],
      ['bytes', Buffer.from([0, 255, 10, 37, 0])],
      ['nothing', ''],
    ])('gives a header to a message that came without one: %s', async (_what, data) => {
      await world.pushForeign(QUEUE, data);
      await (await join()).reclaim(await crashWhileHolding(1), ENDED_MS);
      const [back] = (await world.dump(QUEUE)).suspects;
      expect(view(back!)).toEqual({
        id: expect.stringMatching(/./) as unknown,
        attempt: 2,
        crashes: 1,
        body: Buffer.from(data).toString('latin1'),
      });
    });

    test('gives each message that came without a header an id of its own', async () => {
      await world.pushForeign(QUEUE, 'tick', 'tick', 'tick');
      await (await join()).reclaim(await crashWhileHolding(3), ENDED_MS);
      const names = ids((await world.dump(QUEUE)).suspects);
      expect(new Set(names).size).toBe(3);
    });

    test('reads a header with spaces, as other JSON writers make it', async () => {
      await world.pushForeign(QUEUE, '{"rq": 1, "id": "py-1", "headers": {"a": "b"}}\n{"n": 1}');
      const lease = await join();
      for (const [crash, expected] of [
        [crashWhileHolding, 'py-1 2/1'],
        [crashWhileTesting, 'py-1 3/2'],
      ] as const) {
        await lease.reclaim(await crash(1), ENDED_MS);
        const { suspects } = await world.dump(QUEUE);
        expect(counts(suspects)).toEqual([expected]);
        expect(view(suspects[0]!).body).toBe('{"n": 1}');
      }
    });

    test('leaves a live consumer alone', async () => {
      await pushAll('a');
      const [lease, other] = [await join(), await join()];
      await take(other, 1);
      expect(await lease.reclaim(other.consumer)).toBe(0);
      expect(heldIn(await world.dump(QUEUE))).toBe(1);
      expect(await other.renew()).not.toBe('leaseLost');
    });

    test('leaves a consumer alone if it has renewed since its lease was seen', async () => {
      await pushAll('a');
      const [lease, other] = [await join(), await join()];
      await take(other, 1);
      await world.endLease(QUEUE, other.consumer);
      const renewal = withLease(await lease.renew());
      expect(renewal.doubtful).toEqual([{ consumer: other.consumer, endsAtMs: ENDED_MS }]);
      await other.renew();
      expect(await lease.reclaim(other.consumer, ENDED_MS)).toBe(0);
      expect(heldIn(await world.dump(QUEUE))).toBe(1);
    });

    test('takes back what a lease holds if its end is still the one that was seen, even in the future', async () => {
      await pushAll('a');
      const [lease, dead] = [await join(), await join()];
      await take(dead, 1);
      const endsAtMs = broker.nowMs() + 3_600_000;
      await world.moveLeaseEnd(QUEUE, dead.consumer, endsAtMs);
      world.expectFenced();
      expect(await lease.reclaim(dead.consumer, endsAtMs)).toBe(1);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['a 2/1']);
    });

    test('finds nothing the second time', async () => {
      await pushAll('a');
      const dead = await crashWhileHolding(1);
      const lease = await join();
      expect(await lease.reclaim(dead, ENDED_MS)).toBe(1);
      expect(await lease.reclaim(dead, ENDED_MS)).toBe(0);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['a 2/1']);
    });

    test('finds nothing for a consumer that never existed', async () => {
      expect(await (await join()).reclaim('nobody')).toBe(0);
    });

    test('gives back unchanged what a late command took for a fenced consumer', async () => {
      await pushAll('a');
      const dead = await crashWhileHolding(0);
      const lease = await join();
      await lease.reclaim(dead, ENDED_MS);
      await world.lateTake(QUEUE, dead);
      await pushAll('b');
      expect(await waitingIds()).toEqual(['b']);
      expect(await lease.reclaim(dead, ENDED_MS)).toBe(1);
      expect(counts((await world.dump(QUEUE)).waiting)).toEqual(['a 1/0', 'b 1/0']);
    });

    test('puts back among the suspects what a late command took from them for a fenced consumer', async () => {
      await pushAll('a');
      const lease = await join();
      await lease.reclaim(await crashWhileHolding(1), ENDED_MS);
      const dead = await crashWhileHolding(0);
      await lease.reclaim(dead, ENDED_MS);
      await world.lateTake(QUEUE, dead, 'suspects');
      expect(await lease.reclaim(dead, ENDED_MS)).toBe(1);
      expect(counts((await world.dump(QUEUE)).suspects)).toEqual(['a 2/1']);
    });

    test('keeps checking a fenced consumer after a late command took something for it', async () => {
      await pushAll('a', 'b');
      const dead = await crashWhileHolding(0);
      const lease = await join();
      for (let round = 0; round < 3; round += 1) {
        await lease.reclaim(dead, ENDED_MS);
        await world.lateTake(QUEUE, dead);
        await world.age(QUEUE, TERMS.leaseMs / 2);
        expect(await fenced(lease)).toEqual([dead]);
        expect(await lease.findLateTakes([dead])).toEqual([dead]);
      }
      await lease.reclaim(dead, ENDED_MS);
      expect(counts((await world.dump(QUEUE)).waiting)).toEqual(['a 1/0', 'b 1/0']);
    });

    test('finds what a late command took, no matter how late it looks, and then forgets the consumer', async () => {
      await pushAll('a');
      const dead = await crashWhileHolding(0);
      await (await join()).reclaim(dead, ENDED_MS);
      await world.lateTake(QUEUE, dead);
      await world.endFence(QUEUE, dead);
      const later = await join();
      await world.age(QUEUE, TERMS.leaseMs / 2);
      expect(await fenced(later)).toEqual([dead]);
      expect(await later.findLateTakes([dead])).toEqual([dead]);
      expect(await later.reclaim(dead)).toBe(1);
      expect(counts((await world.dump(QUEUE)).waiting)).toEqual(['a 1/0']);
      await world.age(QUEUE, TERMS.leaseMs / 2);
      expect(await fenced(later)).toEqual([]);
    });

    test('forgets a fenced consumer that took nothing once its late commands can no longer come, and finds no other', async () => {
      const [dead, over] = [await crashWhileHolding(0), await crashWhileHolding(0)];
      const lease = await join();
      for (const consumer of [dead, over]) await lease.reclaim(consumer, ENDED_MS);
      await world.endFence(QUEUE, over);
      expect(await lease.findLateTakes([dead, over, 'nobody'])).toEqual([]);
      await world.age(QUEUE, TERMS.leaseMs / 2);
      expect(await fenced(lease)).toEqual([dead]);
    });

    test('gives each delivery back once, even if two consumers make a thousand calls at once', async () => {
      const other = await world.open();
      const rivals = [await join(), await joinAs(other, QUEUE)];
      for (let round = 0; round < 250; round += 1) {
        const names = [`${round}a`, `${round}b`, `${round}c`];
        await pushAll(...names);
        const dead = await crashWhileHolding(3);
        const given = await Promise.all(
          rivals.flatMap((rival) => [rival.reclaim(dead, ENDED_MS), rival.reclaim(dead, ENDED_MS)]),
        );
        expect(given.reduce((sum, count) => sum + count, 0)).toBe(3);
        const { suspects } = await world.dump(QUEUE);
        expect(counts(suspects)).toEqual(names.map((name) => `${name} 2/1`));
        await world.dropSuspects(QUEUE);
      }
    });
  });

  describe('leave', () => {
    test('gives back what is still held, unchanged and in order', async () => {
      await pushAll('a', 'b', 'c');
      const lease = await join();
      await take(lease, 2);
      await lease.leave();
      const dump = await world.dump(QUEUE);
      expect(counts(dump.waiting)).toEqual(['a 1/0', 'b 1/0', 'c 1/0']);
      expect(heldIn(dump)).toBe(0);
    });

    test('ends the lease', async () => {
      const [lease, other] = [await join(), await join()];
      await other.leave();
      expect(await named(lease)).toEqual([]);
      expect(await other.renew()).toBe('leaseLost');
      expect(await other.exchange([], 1)).toBe('leaseLost');
    });

    test('ends a wait that is under way, and loses nothing that the wait took', async () => {
      const leaving = await join({ waitMs: 5_000 });
      const waited = leaving.wait(NEVER).catch(() => undefined);
      await Promise.all([leaving.leave(), pushAll('a')]);
      const taken = await waited;
      world.expectFenced();
      const lease = await join();
      await eventually(async () => {
        await world.age(QUEUE, TERMS.leaseMs / 2);
        for (const consumer of await fenced(lease)) await lease.reclaim(consumer);
        expect(await waitingIds()).toEqual(['a']);
      });
      expect(taken).toBeUndefined();
    });
  });

  describe('noteTerms', () => {
    test('returns the terms that another server of the queue has noted with other values', async () => {
      const other = await world.open();
      await joinAs(other, QUEUE);
      await join();

      expect(await other.noteTerms(QUEUE, { attempts: '5', limit: '9' })).toBeUndefined();
      expect(await broker.noteTerms(QUEUE, { attempts: '5', limit: '9' })).toBeUndefined();
      const differing = await broker.noteTerms(QUEUE, { attempts: '6', limit: '9', size: '1' });

      expect([...(differing?.values ?? [])]).toEqual([['attempts', '5']]);
      expect(differing?.process).not.toBe('');
      expect(await broker.noteTerms('orders.cancel', { attempts: '7' })).toBeUndefined();
    });

    test('keeps the values noted last, and those that a later note does not name', async () => {
      const other = await world.open();
      await joinAs(other, QUEUE);
      await join();
      await other.noteTerms(QUEUE, { attempts: '5', limit: '9' });
      await broker.noteTerms(QUEUE, { attempts: '6' });

      const differing = await other.noteTerms(QUEUE, { attempts: '7', limit: '8' });

      expect(Object.fromEntries(differing?.values ?? [])).toEqual({ attempts: '6', limit: '9' });
    });

    test('returns nothing of a server that has left, or whose lease has ended', async () => {
      const other = await world.open();
      const lease = await joinAs(other, QUEUE);
      await join();
      await other.noteTerms(QUEUE, { attempts: '5' });
      await world.endLease(QUEUE, lease.consumer);

      expect(await broker.noteTerms(QUEUE, { attempts: '6' })).toBeUndefined();
    });
  });

  describe('isServed', () => {
    test('is true once a consumer has joined, even after it has left', async () => {
      const client = await world.open();
      expect(await client.isServed(QUEUE)).toBe(false);
      await (await join()).leave();
      expect(await client.isServed(QUEUE)).toBe(true);
    });

    test('does not become true by a message', async () => {
      await pushAll('a');
      expect(await broker.isServed(QUEUE)).toBe(false);
    });

    test('is told for each queue on its own', async () => {
      await join();
      expect(await broker.isServed(`${QUEUE}.other`)).toBe(false);
    });
  });

  describe('publish', () => {
    test('reaches everyone who listens now, in order', async () => {
      const heard: string[][] = [[], []];
      for (const listener of heard) {
        const subscriber = await world.open();
        await subscriber.subscribe(['shop.opened', 'shop.closed'], (pattern, bytes) =>
          listener.push(`${pattern} ${bytes.toString()}`),
        );
      }
      expect(await broker.publish('shop.opened', 'm', '1')).toMatchObject({ listeners: 2 });
      expect(await broker.publish('shop.closed', 'm', '2')).toMatchObject({ listeners: 2 });
      await broker.publish('shop.opened', 'm', Buffer.from('3'));
      const expected = ['shop.opened 1', 'shop.closed 2', 'shop.opened 3'];
      await eventually(() => expect(heard).toEqual([expected, expected]));
    });

    test('reaches nobody when nobody listens to that pattern', async () => {
      const subscriber = await world.open();
      await subscriber.subscribe(['shop.opened'], () => undefined);
      expect(await broker.publish('shop.closed', 'm', '1')).toMatchObject({ listeners: 0 });
    });

    test('carries bytes that are not text, under any name', async () => {
      const name = 'shop {0} * [a-z] ? ä 店\n';
      const heard: [string, Buffer][] = [];
      const subscriber = await world.open();
      await subscriber.subscribe([name], (pattern, bytes) => heard.push([pattern, bytes]));
      const bytes = Buffer.from([0, 255, 10, 13]);
      await broker.publish(name, 'm', bytes);
      await eventually(() => expect(heard).toEqual([[name, bytes]]));
    });
  });

  describe('reply', () => {
    test('reaches the caller whose list it was sent to, in order', async () => {
      const callers = [await world.open(), await world.open()];
      const heard: string[][] = [[], []];
      const lists = await Promise.all(
        callers.map((caller, index) =>
          caller.receiveReplies((bytes) => heard[index]!.push(bytes.toString())),
        ),
      );
      const expected = Array.from({ length: 300 }, (_, index) => `r${index}`);
      const sent: Promise<unknown>[] = [];
      for (const [index, text] of expected.entries()) {
        sent.push(...lists.map((list) => broker.reply(list, text, 1)));
        // Spread over several turns of the event loop, and so over several calls.
        if (index % 50 === 0) await Promise.resolve();
        if (index % 70 === 0) await Promise.all(sent);
      }
      await Promise.all(sent);
      await eventually(() => expect(heard).toEqual([expected, expected]));
    });

    test('is kept until the caller reads again', async () => {
      const caller = await world.open();
      const heard: string[] = [];
      const list = await caller.receiveReplies((bytes) => heard.push(bytes.toString()));
      await broker.reply(list, 'one', 1);
      await eventually(() => expect(heard).toEqual(['one']));
      await broker.reply(list, 'two', 1);
      await eventually(() => expect(heard).toEqual(['one', 'two']));
    });
  });

  describe('names', () => {
    test.each([
      ['braces', 'a{b}c'],
      ['an open brace', '{'],
      ['a closing brace without an opening one', 'a}'],
      ['spaces', ' a b '],
      ['a newline', 'a\nb'],
      ['other scripts', 'заказ.订单.💡'],
      ['a NUL', 'a\0b'],
      ['JSON', '{"cmd":"sum"}'],
      ['the words of keys', 'a}:waiting'],
    ])('with %s work like any other', async (_what, queue) => {
      await broker.push(queue, 'x', element('x'));
      const lease = await joinAs(broker, queue);
      expect(ids(await take(lease, 1))).toEqual(['x']);
      await lease.leave();
      const [back] = (await world.dump(queue)).waiting;
      expect(ids([back!])).toEqual(['x']);
      expect(await broker.isServed(queue)).toBe(true);
    });

    test.each([
      ['empty', ''],
      ['beginning with a closing brace', '}a'],
    ])('are refused: %s', async (_what, queue) => {
      await expect(broker.push(queue, 'x', element('x'))).rejects.toThrow(InvalidPatternError);
      await expect(broker.join(queue, TERMS, () => undefined)).rejects.toThrow(InvalidPatternError);
    });
  });

  describe('close', () => {
    test('may be called twice, and rejects what is asked afterwards', async () => {
      const closing = await world.open();
      const lease = await joinAs(closing, QUEUE);
      await closing.close();
      await closing.close();
      await expect(closing.push(QUEUE, 'x', element('x'))).rejects.toMatchObject({
        code: 'REDIS_UNAVAILABLE',
      });
      await expect(lease.exchange([], 1)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      await expect(lease.wait(NEVER)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      // The next consumer clears up what it left behind.
      await world.endLease(QUEUE, lease.consumer);
      await (await join()).reclaim(lease.consumer, ENDED_MS);
      world.expectFenced();
    });

    test('still writes what was begun before', async () => {
      const closing = await world.open();
      const replies: string[] = [];
      const list = await broker.receiveReplies((reply) => replies.push(reply.toString()));

      const begun = [
        closing.push(QUEUE, 'a', element('a')),
        closing.push('another', 'b', element('b')),
        closing.push(QUEUE, 'c', element('c'), { deduplicateMs: 60_000 }),
        closing.publish('happened', 'e', element('e')),
        closing.reply(list, 'the reply', 1),
      ];
      await closing.close();

      await Promise.all(begun);
      await eventually(() => expect(replies).toEqual(['the reply']));
    });

    test('ends a wait that is under way', async () => {
      const closing = await world.open();
      const lease = await joinAs(closing, QUEUE, { waitMs: 60_000 });
      const wait = lease.wait(NEVER);
      await Promise.all([
        expect(wait).rejects.toMatchObject({
          code: expect.stringMatching(/^(OUTCOME|REDIS)_/) as unknown,
        }),
        closing.close(),
      ]);
      await world.endLease(QUEUE, lease.consumer);
      await (await join()).reclaim(lease.consumer, ENDED_MS);
      world.expectFenced();
    });
  });
}

function retry(bytes: Buffer): Settlement {
  return { kind: 'retry', element: bytes, replacement: withNextAttempt(bytes, 'new'), delayMs: 0 };
}

function deadLettered(bytes: Buffer): Settlement {
  return {
    kind: 'deadLetter',
    element: bytes,
    replacement: Buffer.from(`dead ${ids([bytes]).join('')}`),
  };
}

function settlementOf(kind: Settlement['kind'], bytes: Buffer): Settlement {
  switch (kind) {
    case 'ack':
    case 'release':
      return { kind, element: bytes };
    case 'skip':
      return { kind, element: bytes, why: 'expired' };
    case 'retry':
      return retry(bytes);
    case 'deadLetter':
      return deadLettered(bytes);
  }
}
