import { describe, expect, test } from '@jest/globals';
import { findFreePort, startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import {
  OutcomeUnknownError,
  RedisQueueRecordBuilder,
  RedisUnavailableError,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import type { Match } from '../../support/proxy.js';
import { isPush } from '../../faults/commands.js';
import { controllerOf } from '../delivery/controller.js';
import { Stopwatch } from '../../support/stopwatch.js';

const rig = nestRig();

/** A Redis that the test may stop. */
async function ownRedis(): Promise<LocalRedis> {
  const redis = await startRedis();
  rig.closeLater({ close: () => redis.stop() });
  return redis;
}

async function timed(work: Promise<unknown>): Promise<{ error: unknown; watch: Stopwatch }> {
  const watch = Stopwatch.start();
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, watch: watch.stop() };
}

const verbs: readonly [string, (client: RedisQueueClient) => Observable<unknown>][] = [
  ['enqueue', (client) => client.enqueue('work', 'x')],
  ['send', (client) => client.send('work', 'x')],
  ['emit', (client) => client.emit('work', 'x')],
];

describe('while Redis is away', () => {
  test.each(verbs)(
    '%s fails with RedisUnavailableError after connectTimeoutMs',
    async (_, call) => {
      const redis = await ownRedis();
      const client = rig.client({ connection: redis.url, connectTimeoutMs: 300 });
      await client.connect();
      await redis.kill();

      const { error, watch } = await timed(lastValueFrom(call(client)));

      expect(error).toBeInstanceOf(RedisUnavailableError);
      expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      expect(watch.tookMs).toBeGreaterThanOrEqual(290);
      watch.expectAtMost(5_000);
    },
  );

  test.each(verbs)('%s fails at once with a connectTimeoutMs of 0', async (_, call) => {
    const redis = await ownRedis();
    const client = rig.client({ connection: redis.url, connectTimeoutMs: 0 });
    await client.connect();
    await redis.kill();

    const { error, watch } = await timed(lastValueFrom(call(client)));

    expect(error).toBeInstanceOf(RedisUnavailableError);
    watch.expectAtMost(1_000);
  });

  test.each(verbs)(
    '%s of a client that never reached it fails in the same way',
    async (_, call) => {
      const connection = `redis://127.0.0.1:${await findFreePort()}`;

      const atOnce = await timed(
        lastValueFrom(call(rig.client({ connection, connectTimeoutMs: 0 }))),
      );
      const later = await timed(
        lastValueFrom(call(rig.client({ connection, connectTimeoutMs: 300 }))),
      );

      expect(atOnce.error).toBeInstanceOf(RedisUnavailableError);
      expect(later.error).toBeInstanceOf(RedisUnavailableError);
      expect(later.watch.tookMs).toBeGreaterThanOrEqual(290);
    },
  );

  test('nothing is sent: what failed does not appear later', async () => {
    const redis = await ownRedis();
    const client = rig.client({ connection: redis.url, connectTimeoutMs: 50 });
    await eventually(() => client.connect());
    await redis.kill();
    await expect(lastValueFrom(client.enqueue('work', 'lost'))).rejects.toThrow(
      RedisUnavailableError,
    );
    await redis.restart();

    await eventually(() => lastValueFrom(client.enqueue('work', 'kept')));

    const handled: unknown[] = [];
    const controller = controllerOf('work', (data) => void handled.push(data));
    await rig.serve({ controllers: [controller] }, { connection: redis.url });
    await eventually(() => expect(handled).toContain('kept'));
    expect(handled).not.toContain('lost');
  });

  test('enqueue waits, and succeeds if Redis is back within connectTimeoutMs', async () => {
    const redis = await ownRedis();
    const client = rig.client({ connection: redis.url, connectTimeoutMs: 20_000 });
    await client.connect();
    await redis.kill();
    const calls = Promise.all([1, 2, 3].map((n) => lastValueFrom(client.enqueue('work', n))));

    await redis.restart();

    for (const { isDuplicate } of await calls) expect(isDuplicate).toBe(false);
  });

  test('a server goes on by itself once Redis is back', async () => {
    const redis = await ownRedis();
    const handled: unknown[] = [];
    const controller = controllerOf('work', (data) => void handled.push(data));
    await rig.serve({ controllers: [controller] }, { connection: redis.url });
    const client = rig.client({ connection: redis.url, connectTimeoutMs: 20_000 });
    await lastValueFrom(client.enqueue('work', 'before'));
    await eventually(() => expect(handled).toEqual(['before']));
    await redis.kill();
    await redis.restart();

    await lastValueFrom(client.enqueue('work', 'after'));

    await eventually(() => expect(handled).toContain('after'));
    // By the time a later message is handled, one that was handed out twice would have come again.
    await lastValueFrom(client.enqueue('work', 'last'));
    await eventually(() => expect(handled).toContain('last'));
    expect(handled).toEqual(['before', 'after', 'last']);
  });
});

describe('a connectTimeoutMs of 0', () => {
  test('does not keep a client from connecting with its first call', async () => {
    await rig.serve({ controllers: [controllerOf('work', (data) => data)] });
    const client = rig.client({ connectTimeoutMs: 0 });

    expect(await lastValueFrom(client.send('work', 'x'))).toBe('x');
  });

  test('does not keep a server from starting', async () => {
    await rig.serve(
      { controllers: [controllerOf('work', (data) => data)] },
      { connectTimeoutMs: 0 },
    );

    expect(await lastValueFrom(rig.client().send('work', 'x'))).toBe('x');
  });
});

describe('a call that is in flight when its connection dies', () => {
  const isEmit: Match = (words) => words.some((word) => word.endsWith(':{wildcards}'));

  async function throughProxy(): Promise<{ proxy: Proxy; client: RedisQueueClient }> {
    await rig.serve({ controllers: [controllerOf('work', (data) => data)] });
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const client = rig.client({ connection: proxy.url, connectTimeoutMs: 10_000 });
    await client.connect();
    // What is done only once for a queue is done before, so that only the call itself is in flight.
    await lastValueFrom(client.enqueue('work', 'adds the queue to the list'));
    await lastValueFrom(client.send('work', 'looks for its server'));
    return { proxy, client };
  }

  const record = new RedisQueueRecordBuilder('x').id('x-1').build();

  test.each(['dropRequest', 'dropReply', 'cutReply'] as const)(
    '(%s) rejects with OutcomeUnknownError that names the message, and the next one works',
    async (fault) => {
      const { proxy, client } = await throughProxy();
      proxy[fault](isPush);

      const error: unknown = await lastValueFrom(client.enqueue('work', record)).catch(
        (reason: unknown) => reason,
      );

      expect(error).toBeInstanceOf(OutcomeUnknownError);
      expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', messageId: 'x-1' });
      expect((error as Error).message).toContain('x-1');
      expect(await lastValueFrom(client.enqueue('work', 'next'))).toMatchObject({
        isDuplicate: false,
      });
    },
  );

  test('names an id that the client made', async () => {
    const { proxy, client } = await throughProxy();
    proxy.dropReply(isPush);

    await expect(lastValueFrom(client.enqueue('work', 'x'))).rejects.toMatchObject({
      messageId: expect.stringMatching(/^[\w-]{10,}$/) as unknown,
    });
  });

  test('rejects a request in the same way, well before its timeout', async () => {
    const { proxy, client } = await throughProxy();
    proxy.dropRequest(isPush);

    const { error, watch } = await timed(lastValueFrom(client.send('work', record)));

    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ messageId: 'x-1' });
    watch.expectAtMost(5_000);
    expect(await lastValueFrom(client.send('work', 'next'))).toBe('next');
  });

  test('rejects an event in the same way', async () => {
    const { proxy, client } = await throughProxy();
    proxy.dropReply(isEmit);

    await expect(lastValueFrom(client.emit('work', record))).rejects.toThrow(OutcomeUnknownError);
  });

  test('rejects each of several calls, and none hangs', async () => {
    const { proxy, client } = await throughProxy();
    const held = proxy.holdRequest(isPush);
    const calls = Array.from({ length: 50 }, (_, n) =>
      lastValueFrom(
        client.enqueue('work', new RedisQueueRecordBuilder(n).id(`id-${n}`).build()),
      ).catch((error: unknown) => error),
    );
    await held.happened;

    proxy.cut();
    held.release();

    const errors = await Promise.all(calls);
    expect(errors.map((error) => (error as OutcomeUnknownError).messageId)).toEqual(
      Array.from({ length: 50 }, (_, n) => `id-${n}`),
    );
    for (const error of errors) expect(error).toBeInstanceOf(OutcomeUnknownError);
  });
});
