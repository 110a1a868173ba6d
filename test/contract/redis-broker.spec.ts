import { describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { findFreePort, startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease, Settlement } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import {
  RedisRefusedError,
  RedisUnavailableError,
} from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import {
  decodeReply,
  encodeReply,
} from '../../libs/redis-queue-transport/src/core/message/reply.js';
import type { ReceivedReply } from '../../libs/redis-queue-transport/src/core/message/reply.js';
import { eventually } from '../support/eventually.js';
import { Monitor } from '../support/monitor.js';
import { redisRig } from '../support/redis-rig.js';
import { boundsContract } from './bounds.contract.js';
import { brokerContract } from './broker.contract.js';
import { element, ids } from './elements.js';
import { eventAdminContract } from './event-admin.contract.js';
import { eventsContract } from './events.contract.js';
import { historiesContract } from './histories.contract.js';
import { limitsContract } from './limits.contract.js';
import { orderContract } from './order.contract.js';
import { recoveryContract } from './recovery.contract.js';
import { repliesContract } from './replies.contract.js';
import { RedisWorld } from './redis-world.js';
import { withLease } from './with-lease.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const TERMS = {
  leaseMs: 30_000,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 60_000,
  waitMs: 200,
};
const NEVER = new AbortController().signal;

describe('the broker on Redis', () => {
  brokerContract(world);
});

describe('bounds on Redis', () => {
  boundsContract(world);
});

describe('limits on Redis', () => {
  limitsContract(world);
});

describe('a queue with its newest message first on Redis', () => {
  orderContract(world);
});

describe('events on Redis', () => {
  eventsContract(world);
});

describe('histories on Redis', () => {
  historiesContract(world);
});

describe('recovery on Redis', () => {
  recoveryContract(world);
});

describe('replies on Redis', () => {
  repliesContract(world);
});

describe('managing events on Redis', () => {
  eventAdminContract(world);
});

async function fill(commands: Redis): Promise<void> {
  for (let size = 1_000_000; size >= 1;) {
    try {
      await commands.append('filler', 'x'.repeat(size));
    } catch {
      size = Math.floor(size / 10);
    }
  }
}

describe('a broker that was closed', () => {
  test('does not open again for callers that do not know of it', async () => {
    const broker = await world.open();
    await broker.close();
    await expect(broker.receiveReplies(() => undefined)).rejects.toThrow(RedisUnavailableError);
    await expect(broker.subscribe(['e'], () => undefined)).rejects.toThrow(RedisUnavailableError);
    expect(String(await rig.commands.client('LIST'))).not.toMatch(/name=rq-(replies|events)/);
  });
});

describe('replies', () => {
  const reply = (request: number, body: string | Buffer): string | Buffer =>
    encodeReply({ request, kind: 'value', last: true, body });

  async function heardBy(caller: Broker): Promise<[list: string, heard: ReceivedReply[]]> {
    const heard: ReceivedReply[] = [];
    const list = await caller.receiveReplies((bytes) => heard.push(decodeReply(bytes)));
    return [list, heard];
  }

  test('that are large arrive as they were sent, and leave nothing behind', async () => {
    const [list, heard] = await heardBy(await world.open());
    const server = await world.open();
    const bodies = ['é'.repeat(100_000), Buffer.alloc(100_000, 0xff), 'small'];

    await Promise.all(bodies.map((body, index) => server.reply(list, reply(index, body), index)));

    await eventually(() => expect(heard).toHaveLength(3));
    for (const { request, body } of heard)
      expect(body.equals(Buffer.from(bodies[request] ?? ''))).toBe(true);
    await eventually(async () => expect(await rig.commands.keys('*:parked:*')).toEqual([]));
  });

  test('whose body is gone become an error, and hold no others up', async () => {
    const [list, heard] = await heardBy(await world.open());

    await rig.commands.rpush(
      list,
      '{"rq":1,"parked":"gone","re":1,"last":true}\n',
      '{"rq":1,"parked":"../../evil","re":2,"last":true}\n',
      reply(3, '"fine"'),
    );

    await eventually(() => expect(heard.map(({ request }) => request)).toEqual([2, 3, 1]));
    expect(heard[2]).toMatchObject({ kind: 'error', last: true });
    expect(String(heard[2]?.body)).toContain('its body is gone');
  });

  test('that are large get through even if their body cannot be parked', async () => {
    const full = await start({ maxmemory: '8mb', 'maxmemory-policy': 'noeviction' });
    const [list, heard] = await heardBy(await world.open(full.url));
    const server = await world.open(full.url);
    const commands = new Redis(full.url);
    rig.closeLater({ close: () => commands.disconnect() });
    await fill(commands);

    await server.reply(list, reply(1, 'x'.repeat(100_000)), 1);

    await eventually(() => expect(heard.map(({ body }) => body.length)).toEqual([100_000]));
  });

  test('with many bytes are read a few at a time', async () => {
    const caller = await world.open();
    let heard = 0;
    const list = await caller.receiveReplies(() => (heard += 1));
    const large = Buffer.alloc(1_048_576);
    const looks = async (): Promise<number> => {
      const stats = await rig.commands.info('commandstats');
      return Number(/^cmdstat_blmpop:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
    };
    await rig.commands.rpush(list, large);
    await eventually(() => expect(heard).toBe(1));
    const before = await looks();

    await Promise.all(Array.from({ length: 64 }, () => rig.commands.rpush(list, large)));

    await eventually(() => expect(heard).toBe(65));
    expect((await looks()) - before).toBeGreaterThanOrEqual(4);
  });
});

describe('a refusal by Redis', () => {
  const refusedWith = (reply: string): unknown =>
    expect.objectContaining({ name: 'RedisRefusedError', code: 'REDIS_REFUSED', reply });

  test('for a key of another type is reported by every verb that touches the key', async () => {
    const broker = await world.open();
    const lease = await broker.join('q', TERMS, () => undefined);
    rig.closeLater(leaving(lease));
    await rig.commands.set(world.key('q', 'waiting'), 'taken by somebody else');
    await expect(broker.push('q', 'x', element('x'))).rejects.toEqual(refusedWith('WRONGTYPE'));
    await expect(lease.exchange([], 1)).rejects.toEqual(refusedWith('WRONGTYPE'));
    await expect(lease.wait(NEVER)).rejects.toEqual(refusedWith('WRONGTYPE'));
    await rig.commands.del(world.key('q', 'waiting'));
    await broker.push('q', 'x', element('x'));
    expect(await lease.exchange([], 1)).toMatchObject({ taken: [expect.any(Buffer)] });
  });

  test('for the key of the counts drops no dead letter, no matter how often it is tried', async () => {
    const broker = await world.open();
    const lease = await broker.join('q', { ...TERMS, deadLetterLimit: 3 }, () => undefined);
    rig.closeLater(leaving(lease));
    const deadLetter = (bytes: Buffer): ReturnType<Lease['exchange']> =>
      lease.exchange([{ kind: 'deadLetter', element: bytes, replacement: bytes }], 0);
    const dead = async (): Promise<unknown> => ids((await world.dump('q')).dead);
    for (const name of ['a', 'b', 'c', 'd']) await broker.push('q', name, element(name));
    const [a, b, c, d] = await take(lease, 4);
    for (const bytes of [a!, b!, c!]) await deadLetter(bytes);
    const counts = world.key('q', 'counts');
    await rig.commands.set(counts, 'taken by somebody else');
    for (let round = 0; round < 3; round += 1)
      await expect(deadLetter(d!)).rejects.toEqual(refusedWith('WRONGTYPE'));
    await rig.commands.del(counts);
    expect(await dead()).toEqual(['c', 'b', 'a']);
    await deadLetter(d!);
    expect(await dead()).toEqual(['d', 'c', 'b']);
  });

  test('for the lack of a permission names NOPERM', async () => {
    await rig.commands.call('ACL', 'SETUSER', 'clerk', 'on', '>pw', '~*', '&*', '+@all', '-rpush');
    rig.closeLater({ close: () => rig.commands.call('ACL', 'DELUSER', 'clerk') });
    const broker = await world.open(`redis://clerk:pw@127.0.0.1:${rig.redis.port}`);
    const refusal = await broker.push('q', 'x', element('x')).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RedisRefusedError);
    expect(refusal).toEqual(refusedWith('NOPERM'));
    expect(refusal).toMatchObject({ cause: { name: 'ReplyError' } });
  });

  test('for a wrong password fails the connect at once', async () => {
    await rig.commands.call('ACL', 'SETUSER', 'clerk', 'on', '>pw', '~*', '&*', '+@all');
    rig.closeLater({ close: () => rig.commands.call('ACL', 'DELUSER', 'clerk') });
    const url = `redis://clerk:wrong@127.0.0.1:${rig.redis.port}`;
    const broker = world.openUnconnected(url, 60_000);
    await expect(broker.connect()).rejects.toEqual(refusedWith('WRONGPASS'));
  });

  test('for no password fails the connect at once, and connects when there is one', async () => {
    const locked = await start({ requirepass: 'secret' });
    await expect(world.openUnconnected(locked.url, 60_000).connect()).rejects.toEqual(
      refusedWith('NOAUTH'),
    );
    await world.openUnconnected({ port: locked.port, password: 'secret' }).connect();
  });

  test('by a replica names READONLY', async () => {
    const replica = await start({ replicaof: `127.0.0.1 ${await findFreePort()}` });
    const broker = await world.open(replica.url);
    await expect(broker.push('q', 'x', element('x'))).rejects.toEqual(refusedWith('READONLY'));
  });

  // A connection that only listens would not learn of it by itself.
  test.each(['push', 'publish'] as const)(
    'of %s by a replica has what listens look for the primary',
    async (verb) => {
      const redis = await start({});
      let interruptions = 0;
      const broker = world.openUnconnected(redis.url, 5_000, {
        interrupted: () => interruptions++,
      });
      await broker.connect();
      await broker.subscribe(['e'], () => undefined);
      const admin = new Redis(redis.url);
      rig.closeLater({ close: () => admin.disconnect() });
      await admin.replicaof('127.0.0.1', await findFreePort());
      await expect(broker[verb]('e', 'x', element('x'))).rejects.toEqual(refusedWith('READONLY'));
      await eventually(() => expect(interruptions).toBe(1));
    },
  );
});

describe('a Redis that is not there', () => {
  test('rejects calls after connectTimeoutMs, and says that nothing was sent', async () => {
    const broker = world.openUnconnected(`redis://127.0.0.1:${await findFreePort()}`, 100);
    const verbs: (() => Promise<unknown>)[] = [
      () => broker.connect(),
      () => broker.push('q', 'x', element('x')),
      () => broker.isServed('q'),
      () => broker.publish('e', 'm', ''),
      () => broker.subscribe(['e'], () => undefined),
      () => broker.receiveReplies(() => undefined),
      () => broker.join('q', TERMS, () => undefined),
    ];
    for (const verb of verbs) await expect(verb()).rejects.toThrow(RedisUnavailableError);
    await expect(broker.reply('list', 'x', 1)).rejects.toThrow(RedisUnavailableError);
  });

  test('is used as soon as it is there', async () => {
    const port = await findFreePort();
    const broker = world.openUnconnected(`redis://127.0.0.1:${port}`, 20_000);
    const pushed = broker.push('q', 'x', element('x'));
    const late = await startRedis({ port });
    rig.closeLater({ close: () => late.stop() });
    expect(await pushed).toBe('added');
  });
});

describe('a value that is longer than Redis accepts', () => {
  const LIMIT = 1_048_576;
  const LONG = 'x'.repeat(LIMIT + 1);
  const refused = expect.objectContaining({
    code: 'REDIS_REFUSED',
    message: expect.stringMatching(/proto-max-bulk-len.*Nothing was sent/s) as unknown,
  });

  async function open(...rules: string[]): Promise<Broker> {
    const strict = await start({ 'proto-max-bulk-len': String(LIMIT) });
    const operator = new Redis(strict.url);
    await operator.call('ACL', 'SETUSER', 'service', 'on', '>pw', '~*', '&*', '+@all', ...rules);
    operator.disconnect();
    return world.open(`redis://service:pw@127.0.0.1:${strict.port}`);
  }

  test('is refused before it is sent, and does no harm to others', async () => {
    const broker = await open();
    const toldBefore = world.backgroundErrors.length;
    const pushes = [
      broker.push('q', 'a', element('a')),
      broker.push('q', 'long', element('long', LONG)),
      broker.push('q', 'b', element('b')),
      broker.push('other', 'c', element('c')),
    ];
    const events = [
      broker.publish('e', 'a', element('a')),
      broker.publish('e', 'long', element('long', LONG)),
      broker.publish('e', 'b', element('b')),
    ];

    const outcomes = await Promise.allSettled([...pushes, ...events]);

    expect(outcomes.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
      ...['fulfilled', 'rejected', 'fulfilled'],
    ]);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(refused);
    expect(world.backgroundErrors.slice(toldBefore)).toEqual([]);
  });

  test('in a reply becomes an error for the caller, and does no harm to other replies', async () => {
    const broker = await open();
    const toldBefore = world.backgroundErrors.length;
    const heard: ReceivedReply[] = [];
    const list = await broker.receiveReplies((bytes) => heard.push(decodeReply(bytes)));
    const bodies = ['"a"', LONG, '"b"'];

    await Promise.all(
      bodies.map((body, request) =>
        broker.reply(list, encodeReply({ request, kind: 'value', last: true, body }), request),
      ),
    );

    await eventually(() => expect(heard).toHaveLength(3));
    const long = heard.find(({ request }) => request === 1);
    expect(long).toMatchObject({ kind: 'error', last: true });
    expect(String(long?.body)).toContain('proto-max-bulk-len');
    expect(world.backgroundErrors.slice(toldBefore)).toEqual([]);
  });

  test('does no harm to other queues, and is named as a possible reason, if the limit may not be read', async () => {
    const broker = await open('-config');
    const outcomes = await Promise.allSettled([
      broker.push('q', 'long', element('long', LONG)),
      broker.push('other', 'c', element('c')),
      broker.isServed('other'),
    ]);

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    const [long] = outcomes;
    expect(long?.status === 'rejected' && String(long.reason)).toMatch(/proto-max-bulk-len/);
  });
});

describe('a full Redis (maxmemory, noeviction)', () => {
  test('refuses messages, but still settles, gives back and renews', async () => {
    const full = await start({ maxmemory: '8mb', 'maxmemory-policy': 'noeviction' });
    const broker = await world.open(full.url);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f'])
      await broker.push('q', name, element(name, 'x'.repeat(1_000)));
    const commands = new Redis(full.url);
    rig.closeLater({ close: () => commands.disconnect() });
    const lease = await broker.join('q', TERMS, () => undefined);
    const other = await broker.join('q', TERMS, () => undefined);
    await take(other, 1);
    const [ack, retry, dead, release] = await take(lease, 4);
    await fill(commands);

    await expect(broker.push('q', 'x', element('x'))).rejects.toMatchObject({ reply: 'OOM' });
    await expect(
      broker.push('q', 'x', element('x'), { deduplicateMs: 1_000 }),
    ).rejects.toMatchObject({ reply: 'OOM' });
    const settlements: Settlement[] = [
      { kind: 'ack', element: ack! },
      {
        kind: 'retry',
        element: retry!,
        replacement: withNextAttempt(retry!, 'id'),
        delayMs: 60_000,
      },
      { kind: 'deadLetter', element: dead!, replacement: dead! },
      { kind: 'release', element: release! },
    ];
    const reply = await lease.exchange(settlements, 1);
    expect(reply).toMatchObject({ missing: 0, dueInMs: expect.any(Number) });
    expect(reply === 'leaseLost' ? [] : ids(reply.taken)).toEqual(['e']);
    expect(await lease.renew()).not.toBe('leaseLost');
    await commands
      .zadd(world.key('q', 'consumers'), 'XX', 1, other.consumer)
      .catch(() => undefined);
    await broker.reply('replies', 'x', 1);
    await lease.leave();
    await other.leave();
    const waiting = await commands.lrangeBuffer(world.key('q', 'waiting'), 0, -1);
    expect(ids(waiting)).toEqual(['a', 'e', 'f']);

    await commands.flushall();
    expect(await broker.push('q', 'x', element('x'))).toBe('added');
  });
});

describe('the order of writes', () => {
  async function inOrder(broker: Broker, lease: Lease, a: Buffer): Promise<void> {
    const list = `${rig.prefix}:{reply:x}:replies`;
    rig.mayRemain(/:replies$/);
    const seen: string[] = [];
    const monitor = await Monitor.start(rig.redis.port, ({ words: [command = '', key = ''] }) => {
      if (command === 'RPUSH' && key === list) seen.push('reply');
      if (/^(LTRIM|LREM)$/.test(command) && key.includes(':processing:')) seen.push('settle');
    });
    rig.closeLater(monitor);
    await Promise.all([
      broker.reply(list, 'done', 1),
      lease.exchange([{ kind: 'ack', element: a }], 0),
    ]);
    await eventually(() => expect(seen).toHaveLength(2));
    expect(seen).toEqual(['reply', 'settle']);
  }

  test('puts a reply before the settling of its delivery, even at the first use of each script', async () => {
    await rig.commands.script('FLUSH');
    const broker = await world.open();
    const lease = await broker.join('q', TERMS, () => undefined);
    rig.closeLater(leaving(lease));
    await broker.push('q', 'a', element('a'));
    const [a] = await take(lease, 1);
    await inOrder(broker, lease, a!);
  });

  test('is kept after a reconnect to a Redis that has lost its scripts', async () => {
    const broker = await world.open();
    const lease = await broker.join('q', TERMS, () => undefined);
    rig.closeLater(leaving(lease));
    await broker.push('q', 'a', element('a'));
    await broker.reply(`${rig.prefix}:{reply:x}:replies`, 'earlier', 1);
    const [a] = await take(lease, 1);
    await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await rig.commands.script('FLUSH');
    await eventually(() => take(lease, 0));
    await inOrder(broker, lease, a!);
  });
});

describe('a connection given as an ioredis instance', () => {
  test('is neither used nor closed', async () => {
    const own = new Redis(rig.redis.url);
    rig.closeLater({ close: () => own.disconnect() });
    await own.ping();
    const broker = await world.open(own);
    await broker.push('q', 'a', element('a'));
    await broker.close();
    expect(own.status).toBe('ready');
    expect(await own.ping()).toBe('PONG');
  });
});

function leaving(lease: Lease): { close: () => Promise<void> } {
  return { close: () => lease.leave() };
}

async function start(settings: Record<string, string>): Promise<LocalRedis> {
  const redis = await startRedis({ settings });
  rig.closeLater({ close: () => redis.stop() });
  return redis;
}

async function take(lease: Lease, count: number): Promise<readonly Buffer[]> {
  return withLease(await lease.exchange([], count)).taken;
}

describe('an event that Redis refuses', () => {
  const refused = expect.objectContaining({ name: 'RedisRefusedError', reply: 'WRONGTYPE' });

  async function declared(): Promise<Broker> {
    const broker = await world.open();
    await broker.declare({ pattern: 'order.placed', groups: ['a', 'b'] });
    await broker.declare({ pattern: 'order.paid', groups: ['a'] });
    return broker;
  }

  test('for one of its groups goes to none of them, while other events pass', async () => {
    const broker = await declared();
    await rig.commands.set(world.key('@b/order.placed', 'waiting'), 'of somebody else');
    const [placed, paid] = await Promise.allSettled([
      broker.publish('order.placed', 'x', element('x')),
      broker.publish('order.paid', 'y', element('y')),
    ]);
    expect(placed).toEqual({ status: 'rejected', reason: refused });
    expect(paid).toMatchObject({ status: 'fulfilled', value: { groups: 1 } });
    expect((await world.dump('@a/order.placed')).waiting).toEqual([]);
    expect(ids((await world.dump('@a/order.paid')).waiting)).toEqual(['y']);
    await rig.commands.del(world.key('@b/order.placed', 'waiting'));
    await broker.publish('order.placed', 'z', element('z'));
    expect(ids((await world.dump('@b/order.placed')).waiting)).toEqual(['z']);
  });

  test('because it is full has copies; live events pass, even beside it', async () => {
    const broker = await declared();
    const heard: string[] = [];
    const subscriber = await world.open();
    await subscriber.subscribe(['order.seen'], (_, bytes) => heard.push(bytes.toString()));
    await broker.publish('order.placed', 'x', element('x'));
    await rig.commands.config('SET', 'maxmemory', '1');
    try {
      const [held, told] = await Promise.allSettled([
        broker.publish('order.placed', 'y', element('y')),
        broker.publish('order.seen', 'm', 'together'),
      ]);
      expect(held).toMatchObject({ status: 'rejected', reason: { reply: 'OOM' } });
      expect(told).toMatchObject({ status: 'fulfilled', value: { listeners: 1 } });
      await broker.publish('order.seen', 'm', 'alone');
      await eventually(() => expect(heard).toEqual(['together', 'alone']));
    } finally {
      await rig.commands.config('SET', 'maxmemory', '0');
    }
    expect(ids((await world.dump('@a/order.placed')).waiting)).toEqual(['x']);
  });

  test('because the index was lost is sent again, and reaches the groups that are back', async () => {
    const broker = await declared();
    await broker.publish('order.placed', 'x', element('x'));
    await rig.commands.flushall();
    expect(await broker.publish('order.placed', 'y', element('y'))).toMatchObject({ groups: 0 });
    await broker.declare({ pattern: 'order.placed', groups: ['a'] });
    expect(await broker.publish('order.placed', 'z', element('z'))).toMatchObject({ groups: 1 });
    expect(ids((await world.dump('@a/order.placed')).waiting)).toEqual(['z']);
  });

  test('no longer, once all was lost, reaches a group that had begun in a history', async () => {
    const broker = await world.open();
    await broker.declare({ pattern: 'order.placed', history: { maxLength: 10 } });
    const terms = { ...TERMS, subscription: { from: 'earliest' } };
    const join = (): Promise<Lease> => broker.join('@a/order.placed', terms, () => undefined);
    const lost = await join();
    await rig.commands.flushall();
    expect(await lost.renew()).toBe('leaseLost');
    rig.closeLater(leaving(await join()));
    expect(await broker.publish('order.placed', 'x', element('x'))).toMatchObject({ groups: 1 });
  });
});

describe('what a process has declared of events', () => {
  const bounds = { maxLength: 10 };
  const wanted = ['@a/order.placed', 'heard:plain', 'history:order.#', 'listeners:order.*'];

  async function wanting(): Promise<Broker> {
    const broker = await world.open();
    await broker.declare({ pattern: 'order.placed', groups: ['a'] });
    await broker.declare({ pattern: 'order.#', history: bounds });
    await broker.subscribe(['order.*', 'plain'], () => undefined);
    return broker;
  }

  async function join(broker: Broker, queue: string): Promise<Lease> {
    const terms = queue.startsWith('@') ? { ...TERMS, subscription: {} } : TERMS;
    const lease = await broker.join(queue, terms, () => undefined);
    rig.closeLater(leaving(lease));
    return lease;
  }

  async function declarations(): Promise<number> {
    const statistics = await rig.commands.info('commandstats');
    return Number(/cmdstat_hsetnx:calls=(\d+)/.exec(statistics)?.[1] ?? 0);
  }

  async function fields(): Promise<string[]> {
    const names = await rig.commands.hkeys(`${rig.prefix}:groups`);
    return names.filter((name) => name !== 'version').toSorted();
  }

  test.each(['work', '@b/order.paid'])(
    'is in the index again once all was lost and the process joins %s again',
    async (queue) => {
      const broker = await wanting();
      const lost = await join(broker, queue);
      await rig.commands.flushall();
      expect(await lost.renew()).toBe('leaseLost');
      expect(await fields()).toEqual([]);

      await join(broker, queue);

      const own = queue.startsWith('@') ? [queue] : [];
      expect(await fields()).toEqual([...wanted, ...own].toSorted());
      expect(await broker.publish('order.placed', 'x', element('x'))).toMatchObject({
        groups: 1,
        listeners: 1,
        historyId: expect.any(String),
      });
    },
  );

  test('stays as another process has changed it when the process joins a queue again', async () => {
    const broker = await wanting();
    await join(broker, 'work');
    const other = await world.open();
    await other.declare({ pattern: 'order.#', history: { maxLength: 99 } });
    await join(broker, 'work');
    const field = await rig.commands.hget(`${rig.prefix}:groups`, 'history:order.#');
    expect(field).toBe('{"maxLength":99}');
  });

  test('is not entered again when the process joins a queue for the first time', async () => {
    const broker = await wanting();
    await rig.commands.config('RESETSTAT');
    await join(broker, 'work');
    expect(await declarations()).toBe(0);
    await join(broker, '@b/order.paid');
    expect(await declarations()).toBe(1);
  });
});
