import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease, Settlement } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { QueueFullError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld } from './broker-world.js';
import { element, ids, keyed } from './elements.js';
import { LEASE_TERMS, withLease } from './with-lease.js';

const QUEUE = 'orders.place';
const TERMS = { ...LEASE_TERMS, deadLetterLimit: 10, waitMs: 200 };
const HOUR_MS = 3_600_000;

/** What every broker does with the bound of a queue. Call it within a `describe`. */
export function boundsContract(world: BrokerWorld): void {
  let server: Broker;
  let sender: Broker;
  let lease: Lease;

  beforeEach(async () => {
    server = await world.open();
    sender = await world.open();
    lease = await server.join(QUEUE, TERMS, () => undefined);
  });

  afterEach(() => lease.leave().catch(() => undefined));

  async function bound(maxLength: number | 'none'): Promise<void> {
    await server.noteTerms(QUEUE, { maxLength: String(maxLength) });
  }

  /** What became of each: `added`, `duplicate`, or `full`. */
  async function pushAll(...names: readonly string[]): Promise<string[]> {
    const pushes = names.map((name) => sender.push(QUEUE, name, element(name)));
    return (await Promise.allSettled(pushes)).map((end) => {
      if (end.status === 'fulfilled') return end.value;
      if (end.reason instanceof QueueFullError) return 'full';
      throw end.reason;
    });
  }

  function pushLater(name: string): Promise<unknown> {
    return sender.push(QUEUE, name, element(name), { dueMs: sender.nowMs() + HOUR_MS });
  }

  async function take(count: number): Promise<readonly Buffer[]> {
    const reply = withLease(await lease.exchange([], count));
    return reply.taken;
  }

  async function waitingIds(): Promise<(string | undefined)[]> {
    return ids((await world.dump(QUEUE)).waiting);
  }

  test('a push beyond the bound is refused, and leaves nothing behind', async () => {
    await bound(2);
    expect(await pushAll('a', 'b', 'c', 'd')).toEqual(['added', 'added', 'full', 'full']);
    const refusal = await sender.push(QUEUE, 'e', element('e')).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(QueueFullError);
    expect(refusal).toMatchObject({ queue: QUEUE, length: 2, maxLength: 2 });
    expect(await waitingIds()).toEqual(['a', 'b']);
  });

  test('the first push of a sender counts as well', async () => {
    await bound(1);
    await pushAll('a');
    const other = await world.open();
    await expect(other.push(QUEUE, 'b', element('b'))).rejects.toThrow(QueueFullError);
  });

  test('what consumers hold does not count, what is delayed and suspects do', async () => {
    await bound(3);
    await pushAll('held', 'held too');
    await take(2);
    await pushLater('later');
    await world.pushSuspects(QUEUE, element('suspect'));
    expect(await pushAll('a', 'b')).toEqual(['added', 'full']);
    await expect(pushLater('c')).rejects.toThrow(QueueFullError);
    await world.dropSuspects(QUEUE);
    expect(await pushAll('b')).toEqual(['added']);
  });

  test('messages that wait behind others of their key count', async () => {
    await bound(3);
    const push = (id: string): Promise<string> => sender.push(QUEUE, id, keyed('ada', id));
    for (const id of ['a', 'b', 'c']) expect(await push(id)).toBe('added');
    await expect(push('d')).rejects.toThrow(QueueFullError);
    expect(await sender.length(QUEUE)).toEqual({ length: 3, maxLength: 3 });
    const taken = await take(3);
    expect(ids(taken)).toEqual(['a']);
    const [held = Buffer.alloc(0)] = taken;
    await lease.exchange([{ kind: 'ack', element: held }], 0);
    expect(await push('d')).toBe('added');
    expect(await sender.length(QUEUE)).toEqual({ length: 3, maxLength: 3 });
    await take(3);
  });

  test('a message that Redis holds already is a duplicate, and no message too many', async () => {
    await bound(1);
    const push = (id: string): Promise<string> =>
      sender.push(QUEUE, id, element(id), { deduplicateMs: HOUR_MS });
    expect(await push('a')).toBe('added');
    expect(await push('a')).toBe('duplicate');
    await expect(push('b')).rejects.toThrow(QueueFullError);
    await take(1);
    expect(await push('b')).toBe('added');
  });

  test('a refused message leaves no parked body', async () => {
    world.expectParked();
    await bound(1);
    const large = 'x'.repeat(200_000);
    await sender.push(QUEUE, 'a', element('a', large));
    await expect(sender.push(QUEUE, 'b', element('b', large))).rejects.toThrow(QueueFullError);
    expect(await world.dump(QUEUE)).toMatchObject({ parkedEver: 1 });
    expect((await world.dump(QUEUE)).parked).toHaveLength(1);
  });

  test('senders learn of a new bound, and of its end, within about a second', async () => {
    await pushAll('a', 'b');
    await bound(2);
    await eventually(async () => expect(await pushAll('x')).toEqual(['full']));
    await bound('none');
    await eventually(async () => expect(await pushAll('y')).toEqual(['added']));
  });

  test('several senders together never exceed it', async () => {
    await bound(50);
    const senders = await Promise.all([world.open(), world.open(), world.open()]);
    const pushes = senders.flatMap((one, at) =>
      Array.from({ length: 40 }, (_, index) => {
        const name = `m${at}-${index}`;
        return one.push(QUEUE, name, element(name));
      }),
    );
    const ends = await Promise.allSettled(pushes);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
    expect(await waitingIds()).toHaveLength(50);
  });

  test('what comes back is never refused: releases and retries', async () => {
    await bound(1);
    await pushAll('released');
    const [released = Buffer.alloc(0)] = await take(1);
    await pushAll('retried');
    const [retried = Buffer.alloc(0)] = await take(1);
    await pushAll('a');
    const replacement = withNextAttempt(retried, 'unused');
    const settlements: Settlement[] = [
      { kind: 'release', element: released },
      { kind: 'retry', element: retried, replacement, delayMs: 0 },
    ];
    await lease.exchange(settlements, 0);
    expect(await waitingIds()).toHaveLength(3);
    expect(await pushAll('b')).toEqual(['full']);
  });

  test('the length says how many count, and the bound', async () => {
    expect(await sender.length(QUEUE)).toEqual({ length: 0, maxLength: undefined });
    await pushAll('a', 'b');
    await pushLater('c');
    await bound(7);
    expect(await sender.length(QUEUE)).toEqual({ length: 3, maxLength: 7 });
    await take(1);
    expect(await sender.length(QUEUE)).toEqual({ length: 2, maxLength: 7 });
  });

  test('a server that joins again records its bound again if it was lost', async () => {
    await bound(1);
    await world.loseAll();
    lease = await server.join(QUEUE, TERMS, () => undefined);
    expect(await sender.length(QUEUE)).toMatchObject({ maxLength: 1 });
    expect(await pushAll('a', 'b')).toEqual(['added', 'full']);
  });

  test('a server that joins again leaves the bound that another one has recorded since', async () => {
    await bound(1);
    await (await world.open()).noteTerms(QUEUE, { maxLength: '5' });
    const again = await server.join(QUEUE, TERMS, () => undefined);
    expect(await sender.length(QUEUE)).toMatchObject({ maxLength: 5 });
    await again.leave();
  });

  describe('the list of a group', () => {
    const BILLING = '@billing/order.placed';
    const MAIL = '@mail/order.placed';
    const joined: Lease[] = [];

    beforeEach(async () => {
      for (const queue of [BILLING, MAIL])
        joined.push(await server.join(queue, { ...TERMS, subscription: {} }, () => undefined));
    });

    afterEach(() => Promise.allSettled(joined.splice(0).map((one) => one.leave())));

    async function boundList(maxLength: number, onFull: 'refuse' | 'drop'): Promise<void> {
      await server.noteTerms(BILLING, { maxLength: String(maxLength), onFull });
    }

    /** Emits each, and returns how many groups got it, or `full`. */
    async function publishAll(...names: readonly string[]): Promise<(number | 'full')[]> {
      const calls = names.map((name) => sender.publish('order.placed', name, element(name)));
      return (await Promise.allSettled(calls)).map((end) => {
        if (end.status === 'fulfilled') return end.value.groups;
        if (end.reason instanceof QueueFullError) return 'full';
        throw end.reason;
      });
    }

    async function idsOf(queue: string): Promise<(string | undefined)[]> {
      return ids((await world.dump(queue)).waiting);
    }

    test('refuses a whole event beyond its bound: nobody gets it', async () => {
      const heard: string[] = [];
      const listener = await world.open();
      await listener.subscribe(['order.placed'], (_, bytes) => heard.push(ids([bytes]).join()));
      await boundList(2, 'refuse');

      expect(await publishAll('a', 'b', 'c')).toEqual([2, 2, 'full']);
      const refusal = await sender
        .publish('order.placed', 'd', element('d'))
        .catch((error: unknown) => error);

      expect(refusal).toMatchObject({ queue: BILLING, length: 2, maxLength: 2 });
      expect(await idsOf(BILLING)).toEqual(['a', 'b']);
      expect(await idsOf(MAIL)).toEqual(['a', 'b']);
      await eventually(() => expect(heard).toEqual(['a', 'b']));
    });

    test('drops the copies beyond its bound if its terms say so, counted', async () => {
      await boundList(2, 'drop');
      expect(await publishAll('a', 'b', 'c', 'd')).toEqual([2, 2, 1, 1]);
      expect(await idsOf(BILLING)).toEqual(['a', 'b']);
      expect(await idsOf(MAIL)).toEqual(['a', 'b', 'c', 'd']);
      const admin = world.openAdmin();
      expect(await admin.lengths(BILLING)).toMatchObject({ copiesDropped: 2, maxLength: 2 });
      expect(await admin.look(BILLING)).toMatchObject({ copiesDropped: 2, maxLength: 2 });
      expect(await admin.lengths(MAIL)).toMatchObject({
        copiesDropped: 0,
        maxLength: undefined,
      });
    });

    test('counts what several patterns bring to it, in one call as well', async () => {
      const wide = '@wide/order.*';
      joined.push(await server.join(wide, { ...TERMS, subscription: {} }, () => undefined));
      await server.noteTerms(wide, { maxLength: '3', onFull: 'drop' });
      const patterns = ['order.placed', 'order.paid', 'order.sent', 'order.lost', 'order.found'];
      await Promise.all(patterns.map((one) => sender.publish(one, one, element(one))));
      expect(await idsOf(wide)).toHaveLength(3);
    });

    test('refuses a large event too, and leaves no parked body of it', async () => {
      world.expectParked();
      const large = 'x'.repeat(600_000);
      const publish = (id: string): Promise<unknown> =>
        sender.publish('order.placed', id, element(id, large));
      await boundList(1, 'refuse');
      await publish('a');
      await expect(publish('b')).rejects.toThrow(QueueFullError);
      await boundList(1, 'drop');
      expect(await publish('c')).toMatchObject({ groups: 1 });
      expect(await world.dump(BILLING)).toMatchObject({ parkedEver: 1 });
      expect((await world.dump(BILLING)).parked).toHaveLength(1);
      expect((await world.dump(MAIL)).parked).toHaveLength(2);
    });

    test('an event that was refused, or dropped for everyone, may be emitted again', async () => {
      await server.noteTerms(MAIL, { maxLength: '1', onFull: 'drop' });
      await boundList(1, 'refuse');
      await publishAll('a');
      const once = { deduplicateMs: HOUR_MS };
      const publish = (): Promise<{ groups: number }> =>
        sender.publish('order.placed', 'b', element('b'), once);
      await expect(publish()).rejects.toThrow(QueueFullError);
      await boundList(1, 'drop');
      expect(await publish()).toMatchObject({ groups: 0, isDuplicate: false });
      await boundList(2, 'drop');
      expect(await publish()).toMatchObject({ groups: 1, isDuplicate: false });
      expect(await publish()).toMatchObject({ isDuplicate: true });
    });
  });
}
