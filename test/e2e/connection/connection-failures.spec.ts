import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { findFreePort, startRedis } from 'local-redis';
import { RedisRefusedError, RedisUnavailableError } from 'nestjs-redis-queue-transport';
import type { ConnectionOption, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { TlsRedis } from '../../support/tls-redis.js';
import { Stopwatch } from '../../support/stopwatch.js';

const rig = nestRig();

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }

  @EventPattern<string>('happened')
  onHappened(): void {
    // Only there to be subscribed to.
  }
}

/** Everything that can be refused by a Redis. */
const calls: readonly [string, (connection: ConnectionOption) => Promise<unknown>][] = [
  [
    'listen()',
    async (connection) => {
      const server = rig.strategy({ connection, connectTimeoutMs: CONNECT_TIMEOUT_MS });
      await (await rig.microservice({ controllers: [EchoController] }, server)).listen();
    },
  ],
  ['connect()', (connection) => failing(connection).connect()],
  ['send()', (connection) => lastValueFrom(failing(connection).send('echo', 1))],
  ['enqueue()', (connection) => lastValueFrom(failing(connection).enqueue('echo', 1))],
  ['emit()', (connection) => lastValueFrom(failing(connection).emit('happened', 1))],
];

const CONNECT_TIMEOUT_MS = 300;

/** For things that must not happen: a forgotten connection comes back after a pause of at most a second. */
async function throughout(ms: number, assertion: () => Promise<void>): Promise<void> {
  await eventually(assertion);
  const end = performance.now() + ms;
  while (performance.now() < end) await assertion();
}

function failing(connection: ConnectionOption): RedisQueueClient {
  return rig.client({ connection, connectTimeoutMs: CONNECT_TIMEOUT_MS });
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  const watch = Stopwatch.start();
  const error: unknown = await call.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  watch.expectAtMost(CONNECT_TIMEOUT_MS + 700);
  return error;
}

test('a database number that does not exist remains the reason as long as it is wrong', async () => {
  const client = rig.client({ connection: `${rig.redis.url}/77`, connectTimeoutMs: 0 });
  await failureOf(lastValueFrom(client.enqueue('echo', 1)));

  await eventually(() =>
    expect(client.health().reason).toContain('reconnecting; last error: ERR DB index'),
  );
});

describe.each(calls)('%s', (_, call) => {
  test.each<[string, string]>([
    ['a wrong password', 'nobody:wrong@'],
    ['a wrong password of the default user', ':wrong@'],
  ])('fails with what Redis said at %s', async (_case, credentials) => {
    await rig.commands.config('SET', 'requirepass', 'right');
    try {
      const error = await failureOf(call(rig.redis.url.replace('//', `//${credentials}`)));

      expect(error).toBeInstanceOf(RedisRefusedError);
      expect(error).toMatchObject({ code: 'REDIS_REFUSED', reply: 'WRONGPASS' });
      expect(String(error)).not.toContain('wrong@');
    } finally {
      await rig.commands.config('SET', 'requirepass', '');
    }
  });

  test('fails with what Redis said if there is no password', async () => {
    await rig.commands.config('SET', 'requirepass', 'right');
    try {
      const error = await failureOf(call(rig.redis.url));

      expect(error).toMatchObject({ code: 'REDIS_REFUSED', reply: 'NOAUTH' });
    } finally {
      await rig.commands.config('SET', 'requirepass', '');
    }
  });

  test('fails with what Redis said about a database number that does not exist', async () => {
    const error = await failureOf(call(`${rig.redis.url}/77`));

    expect(error).toBeInstanceOf(RedisRefusedError);
    expect(String(error)).toContain(
      'Redis refused to select database 77, which the option connection names: ERR DB index is out of range',
    );
  });

  test('fails if nothing listens, with the address and the cause', async () => {
    const port = await findFreePort();

    const error = await failureOf(call(`redis://127.0.0.1:${port}`));

    expect(error).toBeInstanceOf(RedisUnavailableError);
    expect(String(error)).toContain(`127.0.0.1:${port}`);
    expect(String(error)).toContain('ECONNREFUSED');
  });

  test('fails if the host name is unknown', async () => {
    const error = await failureOf(call('redis://no-such-host.invalid'));

    expect(error).toBeInstanceOf(RedisUnavailableError);
  });

  test('fails if the other side says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;

    const error = await failureOf(call(`redis://127.0.0.1:${port}`));

    expect(error).toBeInstanceOf(RedisUnavailableError);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('fails if TLS is expected and Redis does not speak it', async () => {
    const error = await failureOf(call(rig.redis.url.replace('redis:', 'rediss:')));

    expect(error).toBeInstanceOf(RedisUnavailableError);
  });
});

describe('TLS', () => {
  let redis: TlsRedis;

  beforeAll(async () => {
    redis = await TlsRedis.start();
  });

  afterAll(() => redis.stop());

  test.each(calls)(
    'makes %s fail if the certificate is not trusted, with the cause',
    async (_, call) => {
      const error = await failureOf(call(redis.url('rediss')));

      expect(error).toBeInstanceOf(RedisUnavailableError);
      expect(String(error)).toMatch(/self-signed/);
    },
  );

  test.each(calls)(
    'makes %s fail if Redis expects a certificate and the connection has none',
    async (_, call) => {
      const error = await failureOf(call(redis.url('redis')));

      expect(error).toBeInstanceOf(RedisUnavailableError);
    },
  );
});

describe('a client that could not connect', () => {
  test('tries again with the next call, and logs its trouble and the end of it once', async () => {
    const port = await findFreePort();
    const client = failing(`redis://127.0.0.1:${port}`);
    await expect(lastValueFrom(client.enqueue('echo', 1))).rejects.toThrow(RedisUnavailableError);
    await expect(lastValueFrom(client.enqueue('echo', 1))).rejects.toThrow(RedisUnavailableError);
    expect(rig.logs.matching('error', /ECONNREFUSED/)).toHaveLength(1);

    const redis = await startRedis({ port });
    try {
      await eventually(() => lastValueFrom(client.enqueue('echo', 2)));
      expect(rig.logs.matching('log', /Redis answers again/)).toHaveLength(1);
    } finally {
      await client.close();
      await redis.stop();
    }
  });

  test('does not wait at all with a connectTimeoutMs of 0', async () => {
    const client = rig.client({
      connection: `redis://127.0.0.1:${await findFreePort()}`,
      connectTimeoutMs: 0,
    });
    const watch = Stopwatch.start();

    await expect(client.connect()).rejects.toThrow(RedisUnavailableError);

    watch.expectAtMost(100);
  });

  test('only for its replies fails the request, tries again, and leaves nothing open', async () => {
    await rig.serve({ controllers: [EchoController] });
    const client = rig.client({ connectTimeoutMs: CONNECT_TIMEOUT_MS });
    await client.connect();
    const [, before = ''] = (await rig.commands.config('GET', 'maxclients')) as [string, string];
    const list = String(await rig.commands.client('LIST'));
    await rig.commands.config('SET', 'maxclients', list.trim().split('\n').length);

    const error: unknown = await lastValueFrom(client.send('echo', 1)).catch(
      (reason: unknown) => reason,
    );
    await rig.commands.config('SET', 'maxclients', before);

    expect(error).toBeInstanceOf(RedisUnavailableError);
    expect(await lastValueFrom(client.send<unknown>('echo', 2))).toBe(2);
    await client.close();
    await throughout(1_500, async () => {
      const open = (await rig.connections()).filter((name) => name.startsWith('rq-replies'));
      expect(open).toEqual([]);
    });
  });
});
