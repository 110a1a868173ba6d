import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { findFreePort } from './free-port.js';
import { probe } from './probe.js';
import { startRedis, type LocalRedis, type StartRedisOptions } from './start-redis.js';

describe('startRedis', () => {
  let directory: string;
  let servers: LocalRedis[];
  let clients: Redis[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'start-redis-spec-'));
    servers = [];
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.disconnect();
    await Promise.all(servers.map((server) => server.stop()));
    await rm(directory, { recursive: true });
  });

  async function start(options?: StartRedisOptions): Promise<LocalRedis> {
    const server = await startRedis(options);
    servers.push(server);
    return server;
  }

  function connect(server: LocalRedis): Redis {
    const client = new Redis(server.url, { retryStrategy: null });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  }

  async function setting(server: LocalRedis, name: string): Promise<string | undefined> {
    const [, value] = await connect(server).config('GET', name);
    return value;
  }

  test('gives a server that keeps nothing on disk and listens on loopback', async () => {
    const redis = await start();

    expect(await probe(redis.port)).toEqual({ state: 'ready', pid: redis.pid });
    expect(await setting(redis, 'save')).toBe('');
    expect(await setting(redis, 'appendonly')).toBe('no');
    expect(await setting(redis, 'bind')).toBe('127.0.0.1');
  });

  test('lets settings override the defaults', async () => {
    const redis = await start({
      settings: { appendonly: 'yes', 'client-output-buffer-limit': 'pubsub 1mb 2mb 3' },
    });

    expect(await setting(redis, 'appendonly')).toBe('yes');
    expect(await setting(redis, 'client-output-buffer-limit')).toContain(
      'pubsub 1048576 2097152 3',
    );
  });

  test('waits for a server that wants a password', async () => {
    const redis = await start({ settings: { requirepass: 'secret' } });

    const client = new Redis(redis.port, { password: 'secret' });
    clients.push(client);
    expect(await client.ping()).toBe('PONG');
  });

  test('starts servers side by side', async () => {
    const started = await Promise.all([start(), start(), start()]);

    expect(new Set(started.map(({ port }) => port)).size).toBe(3);
    expect(new Set(started.map(({ pid }) => pid)).size).toBe(3);
  });

  test('removes its own directory on stop, which may be called again', async () => {
    const redis = await start();
    const own = await setting(redis, 'dir');
    expect(own).toBeDefined();
    expect(existsSync(own ?? '')).toBe(true);

    await Promise.all([redis.stop(), redis.stop()]);
    await redis.stop();

    expect(existsSync(own ?? '')).toBe(false);
    expect(await probe(redis.port)).toEqual({ state: 'none' });
    await expect(redis.restart()).rejects.toThrow('stopped');
  });

  test('keeps a given directory', async () => {
    const redis = await start({ directory, settings: { appendonly: 'yes' } });

    await redis.stop();

    expect(await readdir(directory)).toContain('appendonlydir');
  });

  test('comes back after a kill on the same port with what was on disk', async () => {
    const redis = await start({ settings: { appendonly: 'yes', appendfsync: 'always' } });
    const { port, pid } = redis;
    await connect(redis).set('kept', 'yes');

    await redis.kill();
    expect(await probe(port)).toEqual({ state: 'none' });
    await redis.restart();

    expect(redis.port).toBe(port);
    expect(redis.pid).not.toBe(pid);
    expect(await connect(redis).get('kept')).toBe('yes');
  });

  test('has loaded its data when restart resolves', async () => {
    const redis = await start({
      settings: {
        appendonly: 'yes',
        'key-load-delay': '100',
        'loading-process-events-interval-bytes': '1024',
      },
    });
    const client = connect(redis);
    const pipeline = client.pipeline();
    for (let n = 0; n < 5_000; n += 1) pipeline.set(`key ${n}`, n);
    await pipeline.exec();

    await redis.restart();

    expect(await connect(redis).dbsize()).toBe(5_000);
  });

  test('answers nothing while paused, and everything afterwards', async () => {
    const redis = await start();
    const client = connect(redis);
    await client.ping();

    redis.pause();
    let answered = false;
    const reply = client.incr('n').finally(() => {
      answered = true;
    });
    expect(await probe(redis.port)).toEqual({ state: 'none' });
    expect(answered).toBe(false);
    redis.resume();

    expect(await reply).toBe(1);
  });

  test('stops a paused server', async () => {
    const redis = await start();

    redis.pause();
    await redis.stop();

    expect(await probe(redis.port)).toEqual({ state: 'none' });
  });

  test('rejects with what the server said about a wrong setting', async () => {
    await expect(start({ settings: { 'no-such-setting': '1' } })).rejects.toThrow(
      /did not start:[^]*no-such-setting/,
    );
  });

  test('rejects if the given port is taken', async () => {
    const port = await findFreePort();
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));

    await expect(start({ port })).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);

    await new Promise((resolve) => other.close(resolve));
  });

  test('does not take another Redis on the given port for its own', async () => {
    const { port } = await start();

    await expect(start({ port })).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);
  });
});
