import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { PushTerms } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease, Settlement } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { redrivenElement } from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { decodeElement } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { brief } from '../support/brief.js';
import { eventually } from '../support/eventually.js';
import type { QueueWorld } from './broker-world.js';
import { DrivenQueue, deadLettered, retried } from './driven-queue.js';
import { brought, ids } from './elements.js';

/** More than the brokers of a world leave in an element. */
const LARGE = 'x'.repeat(150_000);
/** More than anybody leaves in an element. */
const OF_OTHERS = 'y'.repeat(300_000);

/** Where every broker keeps large bodies: beside their queue, as long as their message. To be called within a `describe`. */
export function parkedBodiesContract(world: QueueWorld): void {
  let queue: DrivenQueue;
  let admin: AdminBroker;

  beforeEach(() => {
    queue = new DrivenQueue(world, 'orders.place');
    admin = world.openAdmin();
  });

  /** Whatever a test has left, no body outlives its message. */
  afterEach(async () => {
    await queue.leaveAll();
    await empty(queue.name);
  });

  async function empty(name: string): Promise<void> {
    await admin.purge(name, 'all');
    const letters = await deadLetters(name);
    await admin.deleteDeadLetters(
      name,
      letters.map(({ entry }) => entry),
    );
    expect((await world.dump(name)).parked).toEqual([]);
  }

  function deadLetters(name: string): ReturnType<AdminBroker['deadLetters']> {
    const part = { from: undefined, offset: 0, count: 100, isNewestFirst: false };
    return admin.deadLetters(name, part);
  }

  async function pushLarge(id = 'a', terms?: PushTerms): Promise<void> {
    await queue.push(id, LARGE + id, terms);
  }

  async function parkedCount(): Promise<number> {
    return (await queue.dump()).parked.length;
  }

  /** Its body, which has to stand beside the queue. */
  async function bodyOf(lease: Lease, taken: Buffer): Promise<string> {
    const { parked = 'none' } = decodeElement(taken);
    const body = await lease.parkedBody(parked);
    if (!Buffer.isBuffer(body)) throw new Error(`The body is not there: ${body ?? 'gone'}.`);
    return body.toString('latin1');
  }

  async function expectBody(lease: Lease, taken: Buffer, expected: string): Promise<void> {
    expect(brief(await bodyOf(lease, taken))).toEqual(brief(expected));
  }

  /** Takes the one message that is there. */
  async function takeLarge(): Promise<[lease: Lease, taken: Buffer]> {
    const lease = await queue.join();
    return [lease, await queue.takeOne(lease)];
  }

  function acked(taken: Buffer): Settlement {
    return { kind: 'ack', element: taken, isParked: true };
  }

  describe('a large body', () => {
    test('stands beside the queue, and the header of its small element names it', async () => {
      await pushLarge();
      await queue.push('small');
      const { waiting, parked, parkedEver } = await queue.dump();
      expect(waiting.map(({ length }) => length < 200)).toEqual([true, true]);
      const names = waiting.map((bytes) => decodeElement(bytes).parked);
      expect([names, parkedEver]).toEqual([[parked[0], undefined], 1]);
      const bodies = await admin.parkedBodies(queue.name, [...parked, 'none']);
      expect([...bodies.keys()]).toEqual(parked);
      expect(brief(bodies.get(parked[0]!)!.toString())).toEqual(brief(LARGE + 'a'));
    });

    test('keeps its place among small ones, in one turn and in several', async () => {
      const names = ['s1', 'l1', 's2', 's3', 'l2', 's4'];
      const push = (name: string): Promise<unknown> =>
        queue.push(name, name.startsWith('l') ? LARGE : '{}');
      await Promise.all(names.map(push));
      for (const name of names) await push(name);
      expect(ids((await queue.dump()).waiting)).toEqual([...names, ...names]);
    });

    test('of bytes that are no text comes as it was sent', async () => {
      const bytes = Buffer.alloc(150_000, 0xff);
      const header = Buffer.from('{"rq":1,"id":"a","at":1}\n');
      await (await queue.broker()).push(queue.name, 'a', Buffer.concat([header, bytes]));
      const [lease, taken] = await takeLarge();
      await expectBody(lease, taken, bytes.toString('latin1'));
    });

    test('is not kept of a message that is there already', async () => {
      await pushLarge('a', { deduplicateMs: 60_000 });
      await pushLarge('a', { deduplicateMs: 60_000 });
      await Promise.all(['a', 'b', 'b'].map((id) => pushLarge(id, { deduplicateMs: 60_000 })));
      expect(await parkedCount()).toBe(2);
    });

    test('of a delayed message stands there until it is handled', async () => {
      const dueMs = (await queue.broker()).nowMs() + 50;
      await pushLarge('a', { dueMs });
      const lease = await queue.join();
      const taken = await eventually(() => queue.takeOne(lease));
      await expectBody(lease, taken, LARGE + 'a');
      await queue.exchange(lease, [acked(taken)]);
      expect(await parkedCount()).toBe(0);
    });

    test('comes to a consumer that waits', async () => {
      const lease = await queue.join({ waitMs: 10_000 });
      const wait = lease.wait(new AbortController().signal);
      await pushLarge();
      await expectBody(lease, await brought(wait), LARGE + 'a');
    });

    test('that an element only claims to have is not there, and touches no other one', async () => {
      await pushLarge();
      const [name = ''] = (await queue.dump()).parked;
      const forged = `{"rq":1,"id":"x","parked":"${name}","headers":{"parked":"${name}"}}\n{}`;
      await world.pushForeign(queue.name, '{"rq":1,"parked":"none","id":"y"}\n', forged);
      const lease = await queue.join();
      const [taken, without, other] = await queue.take(lease, 3);
      expect(await lease.parkedBody('none')).toBeUndefined();
      await queue.exchange(lease, [acked(without!), acked(other!)]);
      await expectBody(lease, taken!, LARGE + 'a');
    });

    test('is told from a lost lease once it is gone', async () => {
      await pushLarge();
      const lost = await queue.crashed(1);
      const [name = ''] = (await queue.dump()).parked;
      const unlucky = await queue.join();
      await world.endLease(queue.name, unlucky.consumer);
      await queue.reclaim(unlucky.consumer);
      await queue.reclaim(lost);
      await admin.purge(queue.name, 'all');
      expect(await unlucky.parkedBody(name)).toBe('leaseLost');
      expect(await (await queue.join()).parkedBody(name)).toBeUndefined();
    });
  });

  describe('a parked body goes with its message', () => {
    test.each<[string, (taken: Buffer) => Settlement]>([
      ['handled', acked],
      ['handled, with its id remembered', (taken) => ({ ...acked(taken), onceId: 'a' })],
      ['expired', (taken) => ({ kind: 'skip', element: taken, why: 'expired' })],
      ['repeated', (taken) => ({ kind: 'skip', element: taken, why: 'repeated' })],
    ])('%s', async (_how, settlement) => {
      await pushLarge('a');
      await pushLarge('b');
      const [lease, taken] = await takeLarge();
      await queue.exchange(lease, [settlement(taken)]);
      expect(await parkedCount()).toBe(1);
      const left = await queue.takeOne(lease);
      await expectBody(lease, left, LARGE + 'b');
    });

    test('handled, of a settlement that is given again once', async () => {
      await pushLarge();
      const [lease, taken] = await takeLarge();
      await queue.exchange(lease, [acked(taken)]);
      expect(await queue.exchange(lease, [acked(taken)])).toMatchObject({ missing: 1 });
      expect(await parkedCount()).toBe(0);
    });

    test.each<[string, (taken: Buffer) => Settlement]>([
      ['released', (taken) => ({ kind: 'release', element: taken })],
      ['tried again', (taken) => retried(taken)],
      ['tried again later', (taken) => retried(taken, 30)],
    ])('not when it is %s, but when it is handled then', async (_how, settlement) => {
      await pushLarge();
      const [lease, first] = await takeLarge();
      await queue.exchange(lease, [settlement(first)]);
      const taken = await eventually(() => queue.takeOne(lease));
      await expectBody(lease, taken, LARGE + 'a');
      await queue.exchange(lease, [acked(taken)]);
      expect(await parkedCount()).toBe(0);
    });

    test('not when its consumer leaves, or dies and is reclaimed', async () => {
      await pushLarge();
      await (await takeLarge())[0].leave();
      await queue.reclaim(await queue.crashed(1));
      expect(await parkedCount()).toBe(1);
      const lease = await queue.join();
      await lease.exchange([], 0, 'claim');
      const reply = await lease.exchange([], 0, 'next');
      const [suspect] = reply === 'leaseLost' ? [] : reply.taken;
      await expectBody(lease, suspect!, LARGE + 'a');
      await queue.exchange(lease, [acked(suspect!)]);
      expect(await parkedCount()).toBe(0);
    });

    test('not when it is dead-lettered and redriven, but when it is handled then', async () => {
      await pushLarge();
      const [lease, taken] = await takeLarge();
      await queue.exchange(lease, [deadLettered(taken, queue.name)]);
      const letters = await deadLetters(queue.name);
      expect([letters.length, await parkedCount()]).toEqual([1, 1]);
      const again = letters.map(({ entry, element: dead }) => ({
        entry,
        element: redrivenElement(dead),
      }));
      await admin.redrive(queue.name, again);
      const redriven = await queue.takeOne(lease);
      await expectBody(lease, redriven, LARGE + 'a');
      await queue.exchange(lease, [acked(redriven)]);
      expect(await parkedCount()).toBe(0);
    });

    test('when its dead letter is deleted', async () => {
      await pushLarge();
      const [lease, taken] = await takeLarge();
      await queue.exchange(lease, [deadLettered(taken, queue.name)]);
      const [letter] = await deadLetters(queue.name);
      expect(await admin.deleteDeadLetters(queue.name, [letter!.entry])).toBe(1);
      expect(await parkedCount()).toBe(0);
    });

    test.each([0, 1, 2])('when its dead letter is one too many: %d may stay', async (limit) => {
      for (const id of ['a', 'b', 'c']) await pushLarge(id);
      const lease = await queue.join({ deadLetterLimit: limit });
      for (const taken of await queue.take(lease, 3))
        await queue.exchange(lease, [deadLettered(taken, queue.name)]);
      const dump = await queue.dump();
      expect(ids(dump.dead)).toEqual(['c', 'b', 'a'].slice(0, limit));
      expect([dump.parked.length, dump.deadLettersDropped]).toEqual([limit, 3 - limit]);
    });

    test('when its dead letter is too old', async () => {
      await pushLarge();
      const lease = await queue.join({ deadLetterMaxAgeMs: 40 });
      await queue.exchange(lease, [deadLettered(await queue.takeOne(lease), queue.name)]);
      await eventually(async () => {
        await lease.renew();
        const { dead, parked, deadLettersDropped } = await queue.dump();
        expect([dead, parked, deadLettersDropped]).toEqual([[], [], 1]);
      });
    });

    test.each(['waiting', 'delayed', 'all'] as const)('when %s is purged', async (what) => {
      await pushLarge('w');
      await pushLarge('d', { dueMs: (await queue.broker()).nowMs() + 60_000 });
      await queue.push('small');
      const removed = { waiting: 2, delayed: 1, all: 3 }[what];
      expect(await admin.purge(queue.name, what)).toBe(removed);
      expect(await parkedCount()).toBe(what === 'all' ? 0 : 1);
    });

    test('when it is removed, and with no other one', async () => {
      await pushLarge('a');
      await pushLarge('b');
      const [first] = (await queue.dump()).waiting;
      expect(await admin.remove(queue.name, first!)).toBe(true);
      const [lease, taken] = await takeLarge();
      expect(await parkedCount()).toBe(1);
      await expectBody(lease, taken, LARGE + 'b');
    });
  });

  describe('a large element of another program', () => {
    async function wholeBody(lease: Lease, taken: Buffer): Promise<string> {
      const { parked, body } = decodeElement(taken);
      return parked === undefined ? body.toString('latin1') : bodyOf(lease, taken);
    }

    test.each([
      ['with a header', `{"rq":1,"id":"theirs"}\n${OF_OTHERS}`, 'theirs', OF_OTHERS],
      ['that is data', OF_OTHERS, undefined, OF_OTHERS],
    ])('is handed out whole, in its order: %s', async (_what, bytes, id, body) => {
      await queue.push('before');
      await world.pushForeign(queue.name, bytes);
      await queue.push('behind');
      const lease = await queue.join();
      const taken: Buffer[] = [];
      // It may take several calls: large ones are taken with care.
      await eventually(async () => {
        taken.push(...(await queue.take(lease, 3 - taken.length)));
        expect(taken).toHaveLength(3);
      });
      expect(brief(await wholeBody(lease, taken[1]!))).toEqual(brief(body));
      if (id !== undefined) expect(ids(taken)).toEqual(['before', id, 'behind']);
      await queue.exchange(lease, taken.map(acked));
      expect(await queue.dump()).toMatchObject({ waiting: [], parked: [] });
    });

    test('whose header cannot be read is handed out, and can be dead-lettered', async () => {
      const bytes = `{"rq":1,"id":7}\n${OF_OTHERS}`;
      await world.pushForeign(queue.name, bytes);
      const lease = await queue.join();
      const taken = await queue.takeOne(lease);
      expect(() => decodeElement(taken)).toThrow(/header/);
      await queue.exchange(lease, [deadLettered(taken, queue.name)]);
      expect((await queue.dump()).dead).toHaveLength(1);
    });

    test('goes back whole when its consumer dies or leaves', async () => {
      await world.pushForeign(queue.name, `{"rq":1,"id":"theirs"}\n${OF_OTHERS}`);
      const leaving = await queue.join();
      await queue.take(leaving, 1);
      await leaving.leave();
      expect(await queue.reclaim(await queue.crashed(1))).toBe(1);
      const lease = await queue.join();
      await lease.exchange([], 0, 'claim');
      const reply = await lease.exchange([], 0, 'next');
      const [suspect] = reply === 'leaseLost' ? [] : reply.taken;
      expect(decodeElement(suspect!)).toMatchObject({ id: 'theirs', attempt: 2, crashes: 1 });
      expect(brief(await wholeBody(lease, suspect!))).toEqual(brief(OF_OTHERS));
      await queue.exchange(lease, [acked(suspect!)]);
    });
  });
}
