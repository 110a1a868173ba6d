import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { INestMicroservice } from '@nestjs/common';
import type { RedisQueueContext, RedisQueueEventOptions } from 'nestjs-redis-queue-transport';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { queueKey } from '../../support/queue-dump.js';

import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();

const PATTERN = 'order.placed';
const QUEUE = '@billing/order.placed';

interface Order {
  readonly customer: string;
  readonly n: number;
}

const byCustomer = {
  group: 'billing',
  key: (order: Order) => order.customer,
} satisfies RedisQueueEventOptions;

const key = (what: string): string => queueKey(rig.prefix, QUEUE, what);

function admin(): RedisQueueAdmin {
  return rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
}

function fail(text: string): never {
  throw new Error(text);
}

/** What a handler did, in order: `a1` for the first order of customer `a`, `+` at its start, `-` at its end. */
class Book {
  readonly lines: string[] = [];

  readonly handle = async (order: unknown, context: RedisQueueContext): Promise<void> => {
    const { customer, n } = order as Order;
    this.lines.push(`+${customer}${n} ${context.getKey()}`);
    await pause(5);
    this.lines.push(`-${customer}${n}`);
  };

  of(customer: string): string[] {
    return this.lines.filter((line) => line.slice(1).startsWith(customer));
  }
}

function served(book: Book, options: RedisQueueEventOptions): Promise<INestMicroservice> {
  return rig.serve({ controllers: [eventControllerOf(PATTERN, book.handle, options)] });
}

function inTurn(customer: string, from: number, to: number, key = customer): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index).flatMap((n) => [
    `+${customer}${n} ${key}`,
    `-${customer}${n}`,
  ]);
}

describe('a group that tells the key of an event from its data', () => {
  test('handles those of a key one after the other, in all processes', async () => {
    const book = new Book();
    await served(book, byCustomer);
    await served(book, byCustomer);
    const client = rig.client();
    for (let n = 1; n <= 20; n += 1)
      await client.emitMany(
        PATTERN,
        ['a', 'b', 'c'].map((customer) => ({ customer, n })),
      );
    await eventually(() => expect(book.lines).toHaveLength(120));
    for (const customer of ['a', 'b', 'c'])
      expect(book.of(customer)).toEqual(inTurn(customer, 1, 20));
  });

  test('keeps their order through retries, a full gzip body and a parked one', async () => {
    const book = new Book();
    const failed = new Set<number>();
    const handle = async (order: unknown, context: RedisQueueContext): Promise<void> => {
      const { n } = order as Order;
      if (n % 3 === 0 && !failed.has(n)) {
        failed.add(n);
        throw new Error('once');
      }
      await book.handle(order, context);
    };
    const retry = { delayMs: 30, backoff: 'fixed' } as const;
    for (let replica = 0; replica < 2; replica += 1)
      await rig.serve({
        controllers: [eventControllerOf(PATTERN, handle, { ...byCustomer, retry })],
      });
    const client = rig.client({ compressAboveBytes: 100, parkAboveBytes: 1_000 });
    for (let n = 1; n <= 12; n += 1) {
      const text = n % 2 === 0 ? randomBytes(2_000).toString('hex') : 'x'.repeat(n * 40);
      await client.emit(PATTERN, { customer: 'a', n, text });
    }
    await eventually(() => expect(book.lines).toHaveLength(24), 20_000);
    expect(book.lines).toEqual(inTurn('a', 1, 12));
    expect(failed.size).toBe(4);
    await eventually(async () => expect(await rig.commands.hlen(key('parked'))).toBe(0));
  });

  test('keeps the order of what was emitted before it first started, and of what is replayed', async () => {
    const client = rig.client();
    const tool = admin();
    await tool.declare(PATTERN, { groups: ['billing'], history: { maxLength: 100 } });
    for (let n = 1; n <= 5; n += 1) await client.emit(PATTERN, { customer: 'a', n });
    const book = new Book();
    await served(book, byCustomer);
    await eventually(() => expect(book.lines).toEqual(inTurn('a', 1, 5)));
    expect(await tool.replay(PATTERN, 'billing')).toBe(5);
    await eventually(() => expect(book.lines).toHaveLength(20));
    expect(book.lines).toEqual([...inTurn('a', 1, 5), ...inTurn('a', 1, 5)]);
  });

  test('keeps its own order beside another group that keys by something else, and one without', async () => {
    const [byName, byParity, without] = [new Book(), new Book(), new Book()];
    await served(byName, byCustomer);
    await served(byParity, { group: 'stock', key: ({ n }: Order) => `${n % 2}` });
    await served(without, { group: 'mail' });
    const client = rig.client();
    for (let n = 1; n <= 6; n += 1) await client.emit(PATTERN, { customer: 'a', n });
    await eventually(() => {
      for (const { lines } of [byName, byParity, without]) expect(lines).toHaveLength(12);
    });
    expect(byName.lines).toEqual(inTurn('a', 1, 6));
    for (const parity of ['0', '1']) {
      const odd = parity === '1' ? [1, 3, 5] : [2, 4, 6];
      expect(byParity.lines.filter((line) => odd.includes(Number(line[2])))).toEqual(
        odd.flatMap((n) => inTurn('a', n, n, parity)),
      );
    }
    expect(without.lines.filter((line) => line.startsWith('+'))).toContain('+a1 undefined');
  });

  test('leaves the key that a sender gave, and none for undefined and null', async () => {
    const keys: unknown[] = [];
    const answers = [undefined, null];
    await rig.serve({
      controllers: [
        eventControllerOf(PATTERN, (_, context) => keys.push(context.getKey()), {
          group: 'billing',
          key: () => answers.pop(),
        }),
      ],
    });
    const client = rig.client();
    await client.emit(PATTERN, 1);
    await client.emit(PATTERN, 2);
    await client.emit(PATTERN, 3, { key: 'given' });
    await eventually(() => expect(keys).toEqual([undefined, undefined, 'given']));
  });

  test('handles batches of different keys', async () => {
    const batches: string[][] = [];
    await rig.serve({
      controllers: [
        eventControllerOf(
          PATTERN,
          (orders) => batches.push((orders as Order[]).map(({ customer, n }) => `${customer}${n}`)),
          { ...byCustomer, batch: { size: 10, waitMs: 20 } },
        ),
      ],
    });
    const client = rig.client();
    await client.emitMany(
      PATTERN,
      [1, 2, 3].flatMap((n) => ['a', 'b'].map((customer) => ({ customer, n }))),
    );
    await eventually(() => expect(batches.flat()).toHaveLength(6));
    for (const batch of batches)
      expect(new Set(batch.map(([customer]) => customer)).size).toBe(batch.length);
  });

  test('respects the limits of each key', async () => {
    const book = new Book();
    await served(book, { ...byCustomer, perKey: { rate: 1, perMs: 150 } });
    const client = rig.client();
    const begin = Date.now();
    for (let n = 1; n <= 3; n += 1) await client.emit(PATTERN, { customer: 'a', n });
    await eventually(() => expect(book.lines).toEqual(inTurn('a', 1, 3)));
    expect(Date.now() - begin).toBeGreaterThan(280);
  });
});

describe('an event whose key cannot be told', () => {
  const tooLong = 'é'.repeat(100);
  test.each([
    ['throws', () => fail('no customer'), 'failed: no customer'],
    ['returns a number', () => 7, 'got a number'],
    ['returns empty text', () => '', 'got empty text'],
    ['returns text that is too long', () => tooLong, 'got text of 100 characters'],
    ['returns half a character', () => '\ud800', 'got text of 1 characters'],
    ['returns a promise', () => Promise.reject(new Error('late')), 'got a promise'],
    ['returns an object', () => ({ id: 1 }), 'got an object'],
  ])('is dead-lettered if the function %s, and holds up nobody', async (_how, wrong, text) => {
    const book = new Book();
    const key = (order: Order): string =>
      order.customer === 'bad' ? (wrong() as string) : order.customer;
    await served(book, { group: 'billing', key });
    const client = rig.client();
    for (const [customer, n] of [
      ['a', 1],
      ['bad', 1],
      ['a', 2],
    ])
      await client.emit(PATTERN, { customer, n });
    await eventually(() => expect(book.lines).toEqual(inTurn('a', 1, 2)));
    const tool = admin();
    await eventually(async () => expect((await tool.lengths(QUEUE)).dead).toBe(1));
    const [letter] = (await tool.deadLetters(QUEUE)).letters;
    expect(letter).toMatchObject({
      reason: 'unreadableKey',
      attempt: 1,
      error: { name: 'UnreadableKeyError', message: expect.stringContaining(text) },
    });
  });

  test('is handled after it was redriven to a server that can tell it', async () => {
    const book = new Book();
    let isMended = false;
    const key = ({ customer }: Order): string => (isMended ? customer : fail('broken'));
    await served(book, { group: 'billing', key });
    const client = rig.client();
    await client.emit(PATTERN, { customer: 'a', n: 1 });
    const tool = admin();
    await eventually(async () => expect((await tool.lengths(QUEUE)).dead).toBe(1));
    isMended = true;
    expect(await tool.redriveAll(QUEUE)).toBe(1);
    await eventually(() => expect(book.lines).toEqual(inTurn('a', 1, 1)));
  });

  test('is dead-lettered as undecodable if its data cannot be read', async () => {
    const book = new Book();
    await served(book, byCustomer);
    const client = rig.client();
    await client.emit(PATTERN, { customer: 'a', n: 1 });
    await rig.commands.rpush(key('unkeyed'), '{"rq":1,"id":"x"}\n{', '', '{"rq":9}\n1');
    await client.emit(PATTERN, { customer: 'a', n: 2 });
    await eventually(() => expect(book.lines).toEqual(inTurn('a', 1, 2)));
    const tool = admin();
    await eventually(async () => expect((await tool.lengths(QUEUE)).dead).toBe(3));
    const { letters } = await tool.deadLetters(QUEUE);
    expect(letters.map(({ reason }) => reason)).toEqual(Array(3).fill('undecodable'));
  });
});

describe('the option', () => {
  test.each([
    ['a text', { group: 'billing', key: 'customer' as never }, /key must be a function/],
    ['no group', { key: () => 'a' }, /key is for groups, but .* hears events live/],
  ])('is refused with %s', async (_how, options, message) => {
    await expect(
      rig.serve({ controllers: [eventControllerOf(PATTERN, () => undefined, options)] }),
    ).rejects.toThrow(message);
  });

  test('is refused by handlers of messages, whose sender gives the key', async () => {
    const controller = controllerOf('work', () => undefined, {
      options: { key: () => 'a' } as object,
    });
    await expect(rig.serve({ controllers: [controller] })).rejects.toThrow(
      /key is for groups, which read it from events, but the handler of "work" handles messages/,
    );
  });
});

describe('servers of a group with and without it', () => {
  test('keep the order while one with it lives, and lose nothing when none is left', async () => {
    const book = new Book();
    const old = await served(book, { group: 'billing' });
    const client = rig.client();
    let n = 0;
    const emit = async (): Promise<void> => {
      n += 1;
      await client.emit(PATTERN, { customer: 'a', n });
    };
    const handled = (): Promise<void> => eventually(() => expect(book.of('a')).toHaveLength(2 * n));
    await emit();
    await handled();
    const younger = await served(book, byCustomer);
    for (let i = 0; i < 6; i += 1) await emit();
    await handled();
    expect(book.lines.slice(2)).toEqual(inTurn('a', 2, 7));
    // Back to the older version.
    await younger.close();
    await emit();
    await handled();
    expect(book.lines.slice(-2)).toEqual(['+a8 undefined', '-a8']);
    expect(await rig.commands.hget(key('terms'), 'keyed')).toBeNull();
    await old.close();
  });
});
