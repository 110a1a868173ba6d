import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import {
  InvalidOptionError,
  RedisQueueClient,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import type { ConnectionOption } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { TlsRedis } from '../../support/tls-redis.js';

const rig = nestRig();

const heard: unknown[] = [];

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }

  @EventPattern<string>('happened')
  onHappened(data: unknown): void {
    heard.push(data);
  }
}

async function expectToWork(connection: ConnectionOption): Promise<void> {
  heard.length = 0;
  await rig.serve({ controllers: [EchoController] }, { connection });
  const client = rig.client({ connection });
  expect(await lastValueFrom(client.send<unknown>('echo', 'hello'))).toBe('hello');
  await lastValueFrom(client.enqueue('echo', 'hello'));
  await lastValueFrom(client.emit('happened', 'hello'));
  await eventually(() => expect(heard).toEqual(['hello']));
}

describe('a connection', () => {
  test('may be given by URL, with a database', async () => {
    await expectToWork(`${rig.redis.url}/3`);

    expect(await rig.commands.keys('*')).toEqual([]);
    await rig.commands.select(3);
    expect(await rig.commands.keys('*')).toContain(`${rig.prefix}:queues`);
    await rig.commands.flushdb();
    await rig.commands.select(0);
  });

  test('may be given by options of ioredis', async () => {
    await expectToWork({ host: '127.0.0.1', port: rig.redis.port });
  });

  test.each<[string, RedisOptions]>([
    ['the older protocol', { protocol: 2 }],
    ['a limit for every command', { commandTimeout: 100 }],
    ['numbers as texts', { stringNumbers: true }],
    ['no retries', { retryStrategy: () => null, maxRetriesPerRequest: null }],
    ['no check whether Redis is ready', { enableReadyCheck: false }],
    ['commands gathered by ioredis', { enableAutoPipelining: true }],
    ['a limit for blocking commands', { blockingTimeout: 50 }],
    ['no subscribing again', { autoResubscribe: false }],
    ['a connection opened at once', { lazyConnect: false }],
  ])('is not harmed by options that an app may share: %s', async (_, options) => {
    await expectToWork({ host: '127.0.0.1', port: rig.redis.port, ...options });

    // Idle for longer than any limit above, so that the limit affects a blocking command.
    const idleSince = performance.now();
    await eventually(() => expect(performance.now() - idleSince).toBeGreaterThan(400));
    const client = rig.client();
    expect(await lastValueFrom(client.send<unknown>('echo', 'after a while'))).toBe(
      'after a while',
    );
    await eventually(async () => expect(await rig.queue('echo').held()).toBe(0));
    expect(rig.logs.matching('error', /./)).toEqual([]);
  });

  test('may be an instance of ioredis, which is left alone', async () => {
    const instance = new Redis(rig.redis.url);
    await instance.ping();
    const id = await instance.client('ID');
    const server = new RedisQueueServer(rig.serverOptions({ connection: instance }));
    const app = await rig.microservice({ controllers: [EchoController] }, server);
    await app.listen();
    const client = rig.client({ connection: instance });
    expect(await lastValueFrom(client.send<unknown>('echo', 'hello'))).toBe('hello');
    expect(client.unwrap<Redis>()).not.toBe(instance);

    await app.close();
    await client.close();

    expect(instance.status).toBe('ready');
    expect(await instance.client('ID')).toBe(id);
    expect(instance.listenerCount('error')).toBe(0);
    instance.disconnect();
  });

  test('may be an instance that has not connected yet, and stays so', async () => {
    const instance = new Redis({ port: rig.redis.port, lazyConnect: true });

    await expectToWork(instance);

    expect(instance.status).toBe('wait');
  });

  test.each<[string, () => ConnectionOption]>([
    ['options', () => ({ port: rig.redis.port, keyPrefix: 'app:' })],
    [
      'an instance',
      () => new Redis({ port: rig.redis.port, keyPrefix: 'app:', lazyConnect: true }),
    ],
  ])('is refused with a keyPrefix, by %s', (_, connection) => {
    expect(() => new RedisQueueServer({ connection: connection() })).toThrow(InvalidOptionError);
    expect(() => new RedisQueueClient({ connection: connection() })).toThrow(
      /keyPrefix.*"app:".*prefix/,
    );
  });

  test('may need a user and a password', async () => {
    // Closed last: without its user, an app could not leave in order.
    rig.closeLater({ close: () => rig.commands.acl('DELUSER', 'service') });
    await rig.commands.acl('SETUSER', 'service', 'on', '>s3cr:t/', '~*', '&*', '+@all');
    const url = new URL(rig.redis.url);
    url.username = 'service';
    url.password = 's3cr:t/';

    await expectToWork(url.href);

    const list = String(await rig.commands.client('LIST'));
    expect([...list.matchAll(/ user=service /g)].length).toBeGreaterThan(3);
  });
});

describe('TLS', () => {
  let redis: TlsRedis;

  beforeAll(async () => {
    redis = await TlsRedis.start();
  });

  afterAll(() => redis.stop());

  test('is used if its certificate is trusted', async () => {
    const { port, certificate } = redis;

    await expectToWork({ port, tls: { ca: certificate.certificate } });
  });
});

describe('TLS with client certificates', () => {
  let redis: TlsRedis;

  beforeAll(async () => {
    redis = await TlsRedis.start('yes');
  });

  afterAll(() => redis.stop());

  test('accepts a client that has one', async () => {
    const { port, certificate } = redis;
    const { key, certificate: own } = certificate;

    await expectToWork({ port, tls: { ca: own, key, cert: own } });
  });

  test('refuses a client without one, and says so', async () => {
    const { port, certificate } = redis;
    const connection = { port, tls: { ca: certificate.certificate } };

    // Redis closes the connection. Either its alert arrives first, or the end does.
    await expect(rig.serve({ controllers: [EchoController] }, { connection })).rejects.toThrow(
      /certificate required|tls-auth-clients/,
    );
  });
});
