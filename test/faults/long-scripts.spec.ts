import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Lease,
  LeaseTerms,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import {
  decodeElement,
  withNextAttempt,
} from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { ENDED_MS } from '../contract/broker-world.js';
import { element } from '../contract/elements.js';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { RedisWorld } from '../contract/redis-world.js';
import { redisRig } from '../support/redis-rig.js';
import { expectShortScripts } from './script-times.js';

jest.setTimeout(120_000);

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const TERMS: LeaseTerms = {
  leaseMs: 60_000,
  deadLetterLimit: undefined,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 3_600_000,
  waitMs: 300,
};
const KIB = 1_024;
const MIB = 1_048_576;

let broker: Broker;

beforeEach(async () => {
  broker = await world.open();
});

const expectShort = (work: () => Promise<void>): Promise<void> =>
  expectShortScripts(rig.commands, work);

async function fill(count: number, bytes: number): Promise<void> {
  const body = `"${'x'.repeat(bytes)}"`;
  for (let sent = 0; sent < count; sent += 500) {
    const elements = Array.from({ length: Math.min(500, count - sent) }, (_, index) =>
      String(element(`m${sent + index}`, body)),
    );
    await world.pushForeign(QUEUE, ...elements);
  }
}

async function takeAll(lease: Lease, count: number): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  while (taken.length < count) {
    const answer = await lease.exchange([], count - taken.length);
    if (answer === 'leaseLost') throw new Error('The lease is lost.');
    taken.push(...answer.taken);
  }
  return taken;
}

async function settle(lease: Lease, settlements: readonly Settlement[]): Promise<void> {
  if ((await lease.exchange(settlements, 0)) === 'leaseLost') throw new Error('The lease is lost.');
}

describe('no script works for longer than 10 ms', () => {
  test.each([
    ['a hundred elements just below the size that older senders park', 100, 255 * KIB],
    ['thousands of small ones', 10_000, 256],
  ])('taking, and handing back at the end, %s', async (_, count, bytes) => {
    await expectShort(async () => {
      await fill(count, bytes);
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      await takeAll(lease, count);
      await lease.leave();
      await rig.commands.del(world.key(QUEUE, 'waiting'));
    });
  });

  test.each<[string, (bytes: Buffer, index: number) => Settlement]>([
    [
      'fail together, and are tried again later',
      (bytes) => ({
        kind: 'retry',
        element: bytes,
        replacement: withNextAttempt(bytes, 'new'),
        delayMs: 60_000,
      }),
    ],
    ['go back to the head', (bytes) => ({ kind: 'release', element: bytes })],
    ['die together', (bytes) => ({ kind: 'deadLetter', element: bytes, replacement: bytes })],
    [
      'are remembered as handled',
      (bytes, index) => ({ kind: 'ack', element: bytes, onceId: `m${index}` }),
    ],
  ])('settling ten thousand that %s', async (_, settlementOf) => {
    await expectShort(async () => {
      await fill(10_000, 200);
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      const taken = await takeAll(lease, 10_000);
      await settle(lease, taken.map(settlementOf));
      expect(await rig.commands.llen(world.key(QUEUE, `processing:${lease.consumer}`))).toBe(0);
      await lease.leave();
      await rig.commands.del(
        ...['waiting', 'delayed', 'dead', 'handled'].map((what) => world.key(QUEUE, what)),
      );
    });
  });

  test('settling ten thousand that end in any order', async () => {
    await expectShort(async () => {
      await fill(10_000, 200);
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      const taken = await takeAll(lease, 10_000);
      const shuffled = taken.toSorted(
        (a, b) => ((a.readUInt32LE(20) * 7919) % 1009) - ((b.readUInt32LE(20) * 7919) % 1009),
      );
      await settle(
        lease,
        shuffled.slice(0, 3_000).map((bytes) => ({ kind: 'ack', element: bytes })),
      );
      await lease.leave();
      await rig.commands.del(world.key(QUEUE, 'waiting'));
    });
  });

  test.each([
    ['ten thousand small ones', 10_000, 200],
    ['a hundred large ones', 100, 255 * KIB],
  ])('reclaiming %s', async (_, count, bytes) => {
    world.expectFenced();
    await expectShort(async () => {
      await fill(count, bytes);
      const dead = await broker.join(QUEUE, TERMS, () => undefined);
      await takeAll(dead, count);
      await world.endLease(QUEUE, dead.consumer);
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      expect(await lease.reclaim(dead.consumer, ENDED_MS)).toBe(count);
      await lease.leave();
      await world.dropSuspects(QUEUE);
    });
  });

  test('taking when a hundred thousand are due at once', async () => {
    await expectShort(async () => {
      const delayed = world.key(QUEUE, 'delayed');
      for (let sent = 0; sent < 100_000; sent += 1_000) {
        const pairs = Array.from({ length: 1_000 }, (_, index) => [
          String(1_000 + sent + index),
          String(element(`m${sent + index}`, '"x"')),
        ]);
        await rig.commands.zadd(delayed, ...pairs.flat());
      }
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      for (let call = 0; call < 10; call += 1) await lease.exchange([], 1_000);
      await rig.commands.unlink(delayed);
      await lease.leave();
      await rig.commands.del(world.key(QUEUE, 'waiting'));
    });
  });

  test('looking for one message among fifty thousand, small or just below the size that is parked', async () => {
    const { url } = rig.redis;
    const admin = rig.closeLater(new RedisQueueAdmin({ connection: url, prefix: rig.prefix }));
    await fill(50_000, 200);
    await fill(100, 255 * KIB);
    await fill(1_000, 200);
    await expectShort(async () => {
      await rig.commands.lpush(world.key(QUEUE, 'waiting'), '{"rq":1,"id":"first"}\n1');
      expect(await admin.remove(QUEUE, 'first')).toBe('removed');
      expect(await admin.remove(QUEUE, 'nowhere')).toBe('unknown');
    });
    await rig.commands.del(world.key(QUEUE, 'waiting'));
  });

  test('listing dead letters after fifty thousand others, small or just below the size that is parked', async () => {
    const { url } = rig.redis;
    const admin = rig.closeLater(new RedisQueueAdmin({ connection: url, prefix: rig.prefix }));
    const dead = world.key(QUEUE, 'dead');
    const add = async (from: number, count: number, bytes: number): Promise<void> => {
      for (let added = 0; added < count; added += 1_000) {
        const pipeline = rig.commands.pipeline();
        for (let index = added; index < Math.min(count, added + 1_000); index += 1)
          pipeline.xadd(dead, `${from + index}-0`, 'element', 'x'.repeat(bytes));
        await pipeline.exec();
      }
    };
    await add(1, 50_000, 300);
    await add(50_001, 100, 255 * KIB);
    await add(50_101, 1_000, 300);
    await expectShort(async () => {
      for (const newestFirst of [false, true]) {
        const page = { offset: 51_090, limit: 5, newestFirst };
        expect((await admin.deadLetters(QUEUE, page)).letters).toHaveLength(5);
      }
    });
    await rig.commands.unlink(dead);
  });

  test('replaying events just below the size that is parked, after hundreds of small ones', async () => {
    const { url } = rig.redis;
    const admin = rig.closeLater(new RedisQueueAdmin({ connection: url, prefix: rig.prefix }));
    const group = { pattern: 'shop.opened', group: 'mail' };
    await broker.declare({
      pattern: group.pattern,
      groups: [group.group],
      history: { maxLength: 1_000 },
    });
    const history = world.key(group.pattern, 'history');
    for (let n = 1; n <= 600; n += 1) {
      const text = 'x'.repeat(n > 400 ? 255 * KIB : 256);
      await rig.commands.xadd(history, '*', 'n', n, 'element', element(`e${n}`, `"${text}"`));
    }
    await expectShort(async () => {
      expect(await admin.replay(group.pattern, group.group)).toBe(600);
      await rig.commands.del(world.key(`@${group.group}/${group.pattern}`, 'waiting'));
    });
    await rig.commands.del(history);
  });

  test('adding when a million ids have ended at once', async () => {
    await expectShort(async () => {
      const ids = world.key(QUEUE, 'ids');
      for (let added = 0; added < 1_000_000; added += 10_000) {
        const pairs = Array.from({ length: 10_000 }, (_, index) => ['1', `id${added + index}`]);
        await rig.commands.zadd(ids, ...pairs.flat());
      }
      const added = await broker.push(QUEUE, 'id7', element('id7'), { deduplicateMs: 60_000 });
      expect(added).toBe('added');
      await rig.commands.unlink(ids);
      await rig.commands.del(world.key(QUEUE, 'waiting'));
    });
  });

  test('dropping dead letters when fifty thousand are too old, or too many', async () => {
    await expectShort(async () => {
      const dead = world.key(QUEUE, 'dead');
      for (let added = 0; added < 50_000; added += 1_000) {
        const pipeline = rig.commands.pipeline();
        for (let index = 0; index < 1_000; index += 1)
          pipeline.xadd(dead, `${1_000 + added + index}-0`, 'element', 'x'.repeat(300));
        await pipeline.exec();
      }
      const lease = await broker.join(QUEUE, { ...TERMS, deadLetterLimit: 10 }, () => undefined);
      await lease.renew();
      await fill(1, 10);
      const [taken] = await takeAll(lease, 1);
      await settle(lease, [{ kind: 'deadLetter', element: taken!, replacement: taken! }]);
      await lease.leave();
      await rig.commands.unlink(dead);
    });
  });

  /** Elements as other programs push them: a whole body in the list, with a header or without. */
  async function fillLarge(count: number): Promise<void> {
    const body = `"${'x'.repeat(16 * MIB)}"`;
    for (let pushed = 0; pushed < count; pushed += 1) {
      await world.pushForeign(QUEUE, pushed % 2 === 0 ? element(`m${pushed}`, body) : body);
      await world.pushForeign(QUEUE, element(`small${pushed}`, '"x"'));
    }
  }

  async function takeOne(lease: Lease): Promise<Buffer> {
    const [taken] = await takeAll(lease, 1);
    return taken!;
  }

  test('taking large elements that others pushed, retrying, handing back and dead-lettering them', async () => {
    await expectShort(async () => {
      await fillLarge(3);
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      const [first, ...others] = await takeAll(lease, 6);
      await settle(lease, [
        {
          kind: 'retry',
          element: first!,
          replacement: withNextAttempt(first!, 'new'),
          delayMs: 0,
        },
      ]);
      const again = await takeOne(lease);
      await settle(lease, [{ kind: 'release', element: again }]);
      const last = await takeOne(lease);
      await settle(lease, [{ kind: 'deadLetter', element: last, replacement: last }]);
      await settle(
        lease,
        others.map((bytes) => ({ kind: 'ack', element: bytes, isParked: true })),
      );
      expect(await rig.commands.llen(world.key(QUEUE, `processing:${lease.consumer}`))).toBe(0);
      expect(await rig.commands.hlen(world.key(QUEUE, 'parked'))).toBe(1);
      await lease.leave();
      await rig.commands.del(world.key(QUEUE, 'dead'), world.key(QUEUE, 'parked'));
    });
  });

  test('taking large elements that others push to a queue of small ones', async () => {
    await expectShort(async () => {
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      await fill(100, 10);
      const small = await takeAll(lease, 100);
      await fillLarge(2);
      await settle(
        lease,
        small.map((bytes) => ({ kind: 'ack', element: bytes })),
      );
      expect((await takeAll(lease, 4)).map(({ length }) => length < 200)).not.toContain(false);
      await lease.leave();
      await rig.commands.del(world.key(QUEUE, 'waiting'), world.key(QUEUE, 'parked'));
    });
  });

  test('taking elements just below the limit for large ones, behind small ones', async () => {
    await expectShort(async () => {
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      await fill(20, 10);
      await fill(60, 255 * KIB);
      await takeAll(lease, 80);
      await lease.leave();
      await rig.commands.del(world.key(QUEUE, 'waiting'));
    });
  });

  test('waiting for large elements that others push', async () => {
    await expectShort(async () => {
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      const waiting = lease.wait(new AbortController().signal);
      await fillLarge(1);
      const taken = await waiting;
      expect(taken).toBeInstanceOf(Buffer);
      expect((taken as Buffer).length).toBeLessThan(200);
      await lease.leave();
      await rig.commands.del(world.key(QUEUE, 'waiting'), world.key(QUEUE, 'parked'));
    });
  });

  test('reclaiming large elements that nobody knows of yet', async () => {
    world.expectFenced();
    await expectShort(async () => {
      const dead = await broker.join(QUEUE, TERMS, () => undefined);
      await fillLarge(2);
      for (let taken = 0; taken < 4; taken += 1) await world.lateTake(QUEUE, dead.consumer);
      await world.endLease(QUEUE, dead.consumer);
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      expect(await lease.reclaim(dead.consumer, ENDED_MS)).toBe(4);
      expect(await rig.commands.hlen(world.key(QUEUE, 'parked'))).toBe(2);
      await lease.leave();
      await world.dropSuspects(QUEUE);
      await rig.commands.del(world.key(QUEUE, 'parked'));
    });
  });

  test('giving back large elements that a lost answer left', async () => {
    await expectShort(async () => {
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      await fillLarge(2);
      for (let taken = 0; taken < 4; taken += 1) await world.lateTake(QUEUE, lease.consumer);
      // It notices with one exchange, and gives back with the next.
      await settle(lease, []);
      await settle(lease, []);
      expect(await rig.commands.llen(world.key(QUEUE, 'waiting'))).toBe(4);
      expect(await rig.commands.hlen(world.key(QUEUE, 'parked'))).toBe(2);
      await lease.leave();
      await rig.commands.del(world.key(QUEUE, 'waiting'), world.key(QUEUE, 'parked'));
    });
  });

  test('purging large elements that others pushed, while bodies are parked', async () => {
    const { url } = rig.redis;
    const admin = rig.closeLater(new RedisQueueAdmin({ connection: url, prefix: rig.prefix }));
    await expectShort(async () => {
      await rig.commands.hset(world.key(QUEUE, 'parked'), 'a', 'a');
      await fillLarge(3);
      await world.pushForeign(QUEUE, '{"rq":1,"parked":"a","id":"a"}\n');
      expect(await admin.purge(QUEUE)).toBe(7);
      expect(await rig.commands.exists(world.key(QUEUE, 'parked'))).toBe(0);
    });
  });

  test('handing out large elements that others delayed', async () => {
    await expectShort(async () => {
      const delayed = world.key(QUEUE, 'delayed');
      const [seconds = 0] = await rig.commands.time();
      const laterMs = (Number(seconds) + 60) * 1_000;
      // No larger, since a sorted set reads all of an element where its table grows or shrinks.
      const largeOf = (id: string): Buffer => Buffer.from(element(id, `"${'x'.repeat(4 * MIB)}"`));
      for (let due = 1; due <= 3; due += 1) {
        await rig.commands.zadd(delayed, 2 * due, largeOf(`large${due}`));
        await rig.commands.zadd(delayed, 2 * due + 1, element(`small${due}`, '"x"'));
      }
      await rig.commands.zadd(delayed, laterMs, largeOf('later'));
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      const ids: string[] = [];
      let dueInMs: number | undefined;
      for (let call = 0; call < 20 && ids.length < 6; call += 1) {
        const answer = await lease.exchange([], 10, undefined, 'keep');
        if (answer === 'leaseLost') throw new Error('The lease is lost.');
        ids.push(...answer.taken.map((taken) => decodeElement(taken).id ?? ''));
        for (const taken of answer.taken) expect(taken.length).toBeLessThan(1_000);
        ({ dueInMs } = answer);
      }
      expect(ids).toEqual(['large1', 'small1', 'large2', 'small2', 'large3', 'small3']);
      expect(dueInMs).toBeGreaterThan(30_000);
      expect(dueInMs).toBeLessThanOrEqual(60_000);
      await lease.leave();
      await rig.commands.del(
        ...['waiting', 'delayed', 'parked'].map((what) => world.key(QUEUE, what)),
      );
    });
  });
});
