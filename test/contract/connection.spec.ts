import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { Command } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { findFreePort } from 'local-redis';
import { connectionSource } from '../../libs/redis-queue-transport/src/redis/address/connection-source.js';
import type { ConnectionSource } from '../../libs/redis-queue-transport/src/redis/connection/source.js';
import { RedisConnection } from '../../libs/redis-queue-transport/src/redis/connection/redis-connection.js';
import { OutcomeUnknownError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { activeResources } from '../support/active-resources.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { SlowNetwork } from '../support/slow-network.js';
import { Stopwatch } from '../support/stopwatch.js';
import { TlsRedis } from '../support/tls-redis.js';

const rig = redisRig();

function open(source: ConnectionSource, deadlineMs: number, seen: string[] = []): RedisConnection {
  return rig.closeLater(
    new RedisConnection(source, 'rq-test', deadlineMs, { status: (status) => seen.push(status) }),
  );
}

describe('a connection that is closed while Redis is away', () => {
  const timers = (): number => activeResources().get('Timeout') ?? 0;

  test('leaves no timer behind that keeps the process alive', async () => {
    const before = timers();
    const connection = open(connectionSource(`redis://127.0.0.1:${await findFreePort()}`), 1_000);
    await expect(connection.ready(0)).rejects.toThrow(/first attempt failed/);

    connection.close();

    // ioredis would keep one for two seconds.
    await eventually(() => expect(timers()).toBeLessThanOrEqual(before), 1_500);
  });

  test('reports its end once', async () => {
    const seen: string[] = [];
    const source = connectionSource(`redis://127.0.0.1:${await findFreePort()}`);
    const connection = open(source, 1_000, seen);
    await expect(connection.ready(0)).rejects.toThrow(/first attempt failed/);
    await eventually(() => expect(seen).toEqual(['reconnecting']));

    connection.close();
    connection.close();

    await eventually(() => expect(seen).toEqual(['reconnecting', 'disconnected']));
  });
});

test('a command keeps its arguments until its reply is there, and no longer', async () => {
  const connection = open(connectionSource(rig.connection), 1_000);
  await connection.ready(10_000);
  const { client } = connection;
  const command = new Command('echo', ['text']);

  const reply = client.sendCommand(command);
  expect(command.args).toEqual(['text']);

  expect([String(await reply), command.args]).toEqual(['text', []]);
});

describe('an idle connection', () => {
  test('does not wake its process, and is watched again once a reply is due', async () => {
    const DEADLINE_MS = 800;
    const set = jest.spyOn(globalThis, 'setInterval');
    const clear = jest.spyOn(globalThis, 'clearInterval');
    const running = (): number => {
      const ended = new Set<unknown>(clear.mock.calls.map(([timer]) => timer));
      return set.mock.results.filter(({ value }) => !ended.has(value)).length;
    };
    const connection = open(connectionSource(rig.connection), DEADLINE_MS);
    await connection.ready(10_000);
    await eventually(() => expect(running()).toBe(0));

    rig.redis.pause();
    const ping = connection.run('ask Redis', (client) => client.ping());
    expect(running()).toBe(1);
    await expect(ping.finally(() => rig.redis.resume())).rejects.toThrow(OutcomeUnknownError);
    set.mockRestore();
    clear.mockRestore();
  });
});

describe('the health of a connection', () => {
  test('shows no failure before the connection was used', () => {
    const connection = open(connectionSource(rig.connection), 1_000);
    expect(connection.health).toEqual({ failure: undefined, sinceRoundTripMs: undefined });
  });

  test('shows a failure once an answer is overdue', async () => {
    const connection = open(connectionSource(rig.connection), 200);
    await connection.ready(10_000);
    expect(connection.health).toMatchObject({
      failure: undefined,
      sinceRoundTripMs: expect.any(Number) as unknown,
    });

    rig.redis.pause();
    const answer = connection.run('ask', (client) => client.ping());
    try {
      await expect(answer).rejects.toThrow(OutcomeUnknownError);
      await eventually(() =>
        expect(connection.health.failure).toMatch(
          /rq-test is (connect|connecting|close|reconnecting); last error: .*not replied for 200 ms/,
        ),
      );
    } finally {
      rig.redis.resume();
    }
    await connection.ready(10_000);

    expect(connection.health.failure).toBeUndefined();
  });

  test('counts a refusal as an answer', async () => {
    const connection = open(connectionSource(rig.connection), 10_000);
    await connection.ready(10_000);
    const before = await eventually(() => {
      const { sinceRoundTripMs } = connection.health;
      expect(sinceRoundTripMs).toBeGreaterThan(300);
      return sinceRoundTripMs;
    });

    await expect(connection.run('ask', (client) => client.call('NONSENSE'))).rejects.toThrow();

    expect(connection.health.failure).toBeUndefined();
    expect(connection.health.sinceRoundTripMs).toBeLessThan(before ?? 0);
  });
});

describe.each(['plain', 'TLS'])('a large message over a slow network (%s)', (kind) => {
  const DEADLINE_MS = 1_000;
  const BYTES_PER_SECOND = 8 * 1_048_576;
  /** So large that it takes longer than the deadline, although the system buffers up to 10 MiB of it. */
  const body = Buffer.alloc(32 * 1_048_576, 'x');

  async function slow(): Promise<{
    network: SlowNetwork;
    connection: RedisConnection;
    seen: string[];
  }> {
    const tls = kind === 'TLS' ? await TlsRedis.start() : undefined;
    if (tls !== undefined) rig.closeLater({ close: () => tls.stop() });
    const network = rig.closeLater(await SlowNetwork.start(tls?.port ?? rig.redis.port));
    const options: RedisOptions = { host: '127.0.0.1', port: network.port };
    if (tls !== undefined) options.tls = { ca: tls.certificate.certificate };
    const seen: string[] = [];
    const connection = open(connectionSource(options), DEADLINE_MS, seen);
    await connection.ready(10_000);
    return { network, connection, seen };
  }

  test('may be sent and read for longer than the deadline', async () => {
    const { network, connection, seen } = await slow();
    const key = `${rig.prefix}:{large}:waiting`;
    network.bytesPerSecond = BYTES_PER_SECOND;

    const begin = performance.now();
    await connection.run('send', (client) => client.rpush(key, body));
    const sent = performance.now();
    expect(sent - begin).toBeGreaterThan(DEADLINE_MS);
    const read = await connection.run('read', (client) => client.lindexBuffer(key, 0));
    expect(performance.now() - sent).toBeGreaterThan(DEADLINE_MS);
    expect(read?.length).toBe(body.length);
    expect(seen).toEqual(['connected']);
  });

  test('is given up soon after the deadline when the network is stuck', async () => {
    const { network, connection } = await slow();
    network.bytesPerSecond = BYTES_PER_SECOND;
    const key = `${rig.prefix}:{large}:waiting`;
    const sending = connection.run('send', (client) => client.rpush(key, body));
    await expect(
      Promise.race([sending, pause(DEADLINE_MS / 2).then(() => 'under way')]),
    ).resolves.toBe('under way');

    network.stall();
    const watch = Stopwatch.start();

    await expect(sending).rejects.toThrow(OutcomeUnknownError);
    watch.expectAtMost(2 * DEADLINE_MS);
    connection.close();
  });

  test('is given up even if more is written behind it all the time', async () => {
    const { network, connection } = await slow();
    network.stall();
    const asked = connection.run('ask', (client) => client.ping());
    let others = 0;
    const more = setInterval(() => {
      others += 1;
      connection.run('ask', (client) => client.ping()).catch(() => undefined);
    }, 20);
    try {
      await expect(asked).rejects.toThrow(OutcomeUnknownError);
    } finally {
      clearInterval(more);
    }
    expect(others).toBeGreaterThan(3);
    connection.close();
  });
});
