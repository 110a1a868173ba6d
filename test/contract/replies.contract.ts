import { beforeEach, describe, expect, test } from '@jest/globals';
import { RedisUnavailableError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import {
  decodeReply,
  encodeReply,
} from '../../libs/redis-queue-transport/src/core/message/reply.js';
import type { Element } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import type { BrokerWorld } from './broker-world.js';
import { element } from './elements.js';

const TERMS = {
  leaseMs: 30_000,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 60_000,
  waitMs: 200,
};

/** So many unread replies show that a caller is dead. */
const MORE_THAN_ANY_CALLER_LEAVES = 100_001;

function replyOf(request: number, body: string): Element {
  return encodeReply({ request, kind: 'value', last: false, body });
}

/** In short: "request body", with a long body's length in its place. */
function short(bytes: Buffer): string {
  const { request, body } = decodeReply(bytes);
  return `${request} ${body.length > 100 ? body.length : body.toString()}`;
}

/** What every broker does with replies. To be called within a `describe`. */
export function repliesContract(world: BrokerWorld): void {
  let server: Broker;

  beforeEach(async () => {
    server = await world.open();
  });

  /** A caller that hears its replies. */
  async function heardBy(caller: Broker): Promise<[list: string, heard: string[]]> {
    const heard: string[] = [];
    const list = await caller.receiveReplies((bytes) => heard.push(short(bytes)));
    return [list, heard];
  }

  /** The list of a caller that reads no more. */
  async function listOfNobody(): Promise<string> {
    const caller = await world.open();
    const list = await caller.receiveReplies(() => undefined);
    await caller.close();
    world.expectReplies();
    return list;
  }

  function send(list: string, request: number, body: string): Promise<unknown> {
    return server.reply(list, replyOf(request, body), request);
  }

  describe('replies', () => {
    test('come to the caller whose list it is, in the order in which they were given', async () => {
      const [mine, heard] = await heardBy(await world.open());
      const [others, heardByOthers] = await heardBy(await world.open());
      expect(mine).not.toBe(others);
      await Promise.all([
        ...['a', 'b', 'c'].map((body) => send(mine, 1, body)),
        send(others, 1, 'x'),
        send(mine, 2, 'd'),
      ]);
      await send(mine, 1, 'e');
      await eventually(() => expect(heard).toEqual(['1 a', '1 b', '1 c', '2 d', '1 e']));
      await eventually(() => expect(heardByOthers).toEqual(['1 x']));
    });

    test('are many, and keep their order', async () => {
      const [list, heard] = await heardBy(await world.open());
      const bodies = Array.from({ length: 3_000 }, (_, index) => String(index));
      await Promise.all(bodies.map((body) => send(list, 1, body)));
      await eventually(() => expect(heard).toHaveLength(3_000));
      expect(heard).toEqual(bodies.map((body) => `1 ${body}`));
    });

    test('to a caller that has gone are kept for a while, and no longer', async () => {
      const list = await listOfNobody();
      await send(list, 1, 'a');
      await send(list, 1, 'b');
      expect((await world.replies(list)).map(short)).toEqual(['1 a', '1 b']);
      await world.outlastReplies(list);
      expect(await world.replies(list)).toEqual([]);
    });

    test('are written before the delivery is settled', async () => {
      const list = await listOfNobody();
      const lease = await server.join('q', TERMS, () => undefined);
      await server.push('q', 'a', element('a'));
      const exchange = await lease.exchange([], 1);
      const [a] = exchange === 'leaseLost' ? [] : exchange.taken;
      void send(list, 1, 'done');
      await lease.exchange([{ kind: 'ack', element: a! }], 0);
      expect((await world.replies(list)).map(short)).toEqual(['1 done']);
      await lease.leave();
    });

    test('are not received by a broker that was closed', async () => {
      const caller = await world.open();
      await caller.close();
      await expect(caller.receiveReplies(() => undefined)).rejects.toThrow(RedisUnavailableError);
    });
  });

  describe('large replies', () => {
    const LARGE = 'x'.repeat(100_000);

    test('come whole, keep the order of their request, and leave nothing behind', async () => {
      const [list, heard] = await heardBy(await world.open());
      await Promise.all([
        ...['a', LARGE, 'b', LARGE, 'c'].map((body) => send(list, 1, body)),
        send(list, 2, 'other'),
      ]);
      await eventually(() => expect(heard).toHaveLength(6));
      expect(heard.filter((reply) => reply.startsWith('1'))).toEqual([
        ...['1 a', '1 100000', '1 b', '1 100000', '1 c'],
      ]);
      expect(heard).toContain('2 other');
      await eventually(async () => expect(await world.repliesAside()).toBe(0));
    });

    test('are what a delivery has to wait for, and small ones are not', async () => {
      const list = await listOfNobody();
      void send(list, 1, 'small');
      expect(server.repliesWritten(list, 1)).toBeUndefined();
      void send(list, 1, LARGE);
      void send(list, 1, 'behind');
      expect(server.repliesWritten(list, 2)).toBeUndefined();
      const written = server.repliesWritten(list, 1);
      expect(written).toBeDefined();
      await written;
      expect(await world.replies(list)).toHaveLength(3);
      await eventually(() => expect(server.repliesWritten(list, 1)).toBeUndefined());
    });

    test('of a stream tell what is known of the caller, too', async () => {
      const caller = await world.open();
      const [list, heard] = await heardBy(caller);
      expect(await server.replyAndGoOn(list, replyOf(1, LARGE), 1)).toBe('wanted');
      world.expectReplies();
      await caller.refuseReplies([1]);
      expect(await server.replyAndGoOn(list, replyOf(1, LARGE), 1)).toBe('refused');
      await eventually(() => expect(heard).toEqual(['1 100000', '1 100000']));
    });
  });

  describe('a stream', () => {
    test('is wanted until its caller refuses more of it', async () => {
      const caller = await world.open();
      const [list, heard] = await heardBy(caller);
      expect(await server.replyAndGoOn(list, replyOf(1, 'a'), 1)).toBe('wanted');
      world.expectReplies();
      await caller.refuseReplies([1, 3]);
      const states = [1, 2, 3].map((request) =>
        server.replyAndGoOn(list, replyOf(request, 'b'), request),
      );
      expect(await Promise.all(states)).toEqual(['refused', 'wanted', 'refused']);
      await eventually(() => expect(heard).toEqual(['1 a', '1 b', '2 b', '3 b']));
    });

    test('of another caller with the same number goes on', async () => {
      const [refusing, other] = [await world.open(), await world.open()];
      const [mine] = await heardBy(refusing);
      const [others] = await heardBy(other);
      world.expectReplies();
      await refusing.refuseReplies([1]);
      expect(await server.replyAndGoOn(mine, replyOf(1, 'a'), 1)).toBe('refused');
      expect(await server.replyAndGoOn(others, replyOf(1, 'a'), 1)).toBe('wanted');
    });

    test('is refused by number, however many there are', async () => {
      const caller = await world.open();
      const [list] = await heardBy(caller);
      const numbers = Array.from({ length: 2_500 }, (_, index) => index);
      world.expectReplies();
      await caller.refuseReplies(numbers);
      const states = [0, 1_500, 2_499, 2_500].map((request) =>
        server.replyAndGoOn(list, replyOf(request, 'a'), request),
      );
      expect(await Promise.all(states)).toEqual(['refused', 'refused', 'refused', 'wanted']);
    });

    test('is unread where its caller leaves more than any living one does', async () => {
      const list = await listOfNobody();
      expect(await server.replyAndGoOn(list, replyOf(1, 'a'), 1)).toBe('wanted');
      for (let sent = 0; sent < MORE_THAN_ANY_CALLER_LEAVES; sent += 10_000)
        await Promise.all(Array.from({ length: 10_000 }, () => send(list, 2, 'b')));
      expect(await server.replyAndGoOn(list, replyOf(1, 'c'), 1)).toBe('unread');
    }, 60_000);
  });

  describe('the name of a reply list', () => {
    test('is known to every broker of the same prefix', async () => {
      const [list] = await heardBy(await world.open());
      expect(server.isReplyList(list)).toBe(true);
    });

    test('is no other name', async () => {
      const [list] = await heardBy(await world.open());
      const others = ['', 'replies', `${list}x`, `x${list}`, list.slice(1), list.slice(0, -1)];
      for (const other of [...others, list.replace('{', '{x}{'), list.toUpperCase()])
        expect(`${other}: ${server.isReplyList(other)}`).toBe(`${other}: false`);
    });
  });
}
