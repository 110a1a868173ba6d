import { describe, expect, test } from '@jest/globals';
import {
  OutcomeUnknownError,
  RedisQueueClient,
  RedisQueueRecordBuilder,
  RedisRefusedError,
} from 'nestjs-redis-queue-transport';
import type { RedisOptions } from 'ioredis';
import { firstValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig();

/** So long that no lease ends while a permission is missing. */
const LONG_LEASE_MS = 30_000;
const CONCURRENCY = 10;

function setUser(...rules: string[]): Promise<unknown> {
  return rig.commands.call('ACL', 'SETUSER', 'service', ...rules);
}

async function serviceUser(...rules: string[]): Promise<RedisOptions> {
  await setUser('reset', 'on', '>secret', '~*', '&*', '+@all', ...rules);
  return { host: '127.0.0.1', port: rig.redis.port, username: 'service', password: 'secret' };
}

/** How often Redis refused the user because of a permission, for all or part of a script. */
async function refusals(): Promise<number> {
  const stats = await rig.commands.info('errorstats');
  return [...stats.matchAll(/errorstat_(?:NOPERM|ERR):count=(\d+)/g)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

describe('a consumer whose user lacks a permission', () => {
  test.each(['-ltrim', '-rpush', '-zadd', '-xadd'])(
    'runs nothing until it has it, except for what its wait took (%s)',
    async (lacking) => {
      const connection = await serviceUser();
      const stage = await FaultStage.open(rig);
      const options = { leaseMs: LONG_LEASE_MS, concurrency: 1 };
      const consumer = await stage.startConsumer(options, connection);
      await setUser(lacking);
      await rig.commands.call('CLIENT', 'KILL', 'USER', 'service');

      const before = await refusals();
      const ids = Array.from({ length: 20 }, (_, index) => `m${index}`);
      await stage.send(...ids.map((id) => ({ id })));
      await eventually(async () => expect((await refusals()) - before).toBeGreaterThan(4));

      expect(stage.ledger.idsOf('start').length).toBeLessThanOrEqual(1);
      await eventually(() =>
        expect(consumer.output).toContain(`run the '${lacking.slice(1)}' command`),
      );
      await setUser('+@all');
      await stage.untilAllHome();
      await stage.balance(0);
    },
  );

  test.each(['-ltrim', '-rpush', '-lrem', '-llen'])(
    'runs only what was under way a second time when it is taken away (%s)',
    async (lacking) => {
      const connection = await serviceUser();
      const stage = await FaultStage.open(rig);
      const options = { leaseMs: LONG_LEASE_MS, concurrency: CONCURRENCY };
      const consumer = await stage.startConsumer(options, connection);
      const ids = Array.from({ length: 60 }, (_, index) => `m${index}`);
      // The first one keeps running, so that those that end are never all that is held, nor the oldest.
      await stage.send({ id: 'first', holds: true }, ...ids.map((id) => ({ id, workMs: 5 })));
      await eventually(() => expect(stage.ledger.idsOf('end').length).toBeGreaterThan(5));

      const before = await refusals();
      await setUser(lacking);
      // Sends keep it at work until it is refused.
      await stage.send(...ids.map((id) => ({ id: `later-${id}`, workMs: 5 })));
      await eventually(async () => expect((await refusals()) - before).toBeGreaterThan(4));
      await setUser('+@all');
      consumer.letGo();

      await stage.untilAllHome();
      await stage.balance(CONCURRENCY);
    },
  );
});

describe('a client whose user lacks a permission', () => {
  const once = (id: string): unknown =>
    new RedisQueueRecordBuilder({ id }).id(id).deduplicate(60_000).build();

  test('is told which one before anything is held, until it has it', async () => {
    const connection = await serviceUser('-zadd');
    const client = rig.closeLater(new RedisQueueClient({ connection, prefix: rig.prefix }));
    const enqueue = (id: string): Promise<unknown> =>
      firstValueFrom(client.enqueue('work', once(id)));

    for (const id of ['a', 'b', 'c']) {
      const failure: unknown = await enqueue(id).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(RedisRefusedError);
      expect(failure).toMatchObject({
        reply: 'NOPERM',
        message: expect.stringMatching(/'zadd' command on t\d+:\{work\}:/) as unknown,
      });
    }
    expect(await rig.commands.dbsize()).toBe(0);

    await setUser('+zadd');
    await enqueue('a');
    expect(await rig.commands.llen(`${rig.prefix}:{work}:waiting`)).toBe(1);
  });

  test('does not report calls under way as refused, and reports all that follow', async () => {
    const connection = await serviceUser();
    const client = rig.closeLater(new RedisQueueClient({ connection, prefix: rig.prefix }));
    const enqueue = (id: string): Promise<unknown> =>
      firstValueFrom(client.enqueue('work', once(id)));
    for (const id of ['a', 'b', 'c']) await enqueue(id);
    await setUser('-zadd');

    const failures: unknown[] = [];
    for (const id of ['d', 'e', 'f'])
      failures.push(await enqueue(id).catch((error: unknown) => error));

    expect(failures[0]).toBeInstanceOf(OutcomeUnknownError);
    expect(failures[0]).toMatchObject({
      messageId: 'd',
      message: expect.stringMatching(/refused part/) as unknown,
    });
    expect(failures.slice(1)).toEqual([
      expect.objectContaining({ code: 'REDIS_REFUSED', reply: 'NOPERM' }),
      expect.objectContaining({ code: 'REDIS_REFUSED', reply: 'NOPERM' }),
    ]);
    const held = await rig.commands.lrange(`${rig.prefix}:{work}:waiting`, 0, -1);
    expect(held.join()).not.toMatch(/"id":"[ef]"/);
  });

  test('emits to no channel if it may not publish to one of them', async () => {
    const { commands, prefix, redis } = rig;
    const heard: string[] = [];
    const listener = commands.duplicate();
    rig.closeLater({ close: () => listener.disconnect() });
    listener.on('message', (channel: string) => heard.push(channel));
    await listener.subscribe(`${prefix}:event:order.placed`, `${prefix}:event:order.*`);
    await commands.hset(`${prefix}:{wildcards}`, { 'listeners:order.*': '1', version: '1' });
    await serviceUser('resetchannels', `&${prefix}:event:order.placed`);
    const client = rig.closeLater(
      new RedisQueueClient({
        connection: `redis://service:secret@127.0.0.1:${redis.port}`,
        prefix,
      }),
    );

    const failure: unknown = await firstValueFrom(client.emit('order.placed', {})).catch(
      (error: unknown) => error,
    );

    expect(failure).toMatchObject({ code: 'REDIS_REFUSED', reply: 'NOPERM' });
    await setUser('allchannels');
    await firstValueFrom(client.emit('order.placed', {}));
    await eventually(() => expect(heard).toHaveLength(2));
    expect(new Set(heard).size).toBe(2);
  });
});
