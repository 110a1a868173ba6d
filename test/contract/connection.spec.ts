import { describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { findFreePort } from 'local-redis';
import { connectionSource } from '../../libs/redis-queue-transport/src/redis/connection-source.js';
import type { ConnectionSource } from '../../libs/redis-queue-transport/src/redis/connection-source.js';
import { Connection } from '../../libs/redis-queue-transport/src/redis/connection.js';
import { activeResources } from '../support/active-resources.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';

const rig = redisRig();

function open(source: ConnectionSource, deadlineMs: number, seen: string[] = []): Connection {
  return rig.closeLater(
    new Connection(source, 'rq-test', deadlineMs, { status: (status) => seen.push(status) }),
  );
}

describe('a connection that is closed while Redis is away', () => {
  const timers = (): number => activeResources().get('Timeout') ?? 0;

  test('leaves no timer behind that would keep the process alive', async () => {
    const before = timers();
    const connection = open(connectionSource(`redis://127.0.0.1:${await findFreePort()}`), 1_000);
    await expect(connection.ready(0)).rejects.toThrow(/first attempt failed/);

    connection.close();

    // ioredis would keep one for two seconds.
    await eventually(() => expect(timers()).toBeLessThanOrEqual(before), 1_500);
  });

  test('tells its end, once', async () => {
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

describe('the health of a connection', () => {
  test('is no failure before anybody has asked for it', () => {
    const connection = open(connectionSource(rig.redis.url), 1_000);
    expect(connection.health).toEqual({ failure: undefined, sinceRoundTripMs: undefined });
  });

  test('is a failure while an answer is overdue, also when nothing drops the connection', async () => {
    const patient: ConnectionSource = (settings) =>
      new Redis(rig.redis.url, { ...settings, socketTimeout: undefined });
    const connection = open(patient, 50);
    await connection.ready(10_000);
    expect(connection.health).toMatchObject({
      failure: undefined,
      sinceRoundTripMs: expect.any(Number) as unknown,
    });

    rig.redis.pause();
    const answer = connection.run('ask', (client) => client.ping());
    try {
      await eventually(() =>
        expect(connection.health.failure).toMatch(/rq-test has had no answer for \d+ ms/),
      );
    } finally {
      rig.redis.resume();
    }
    await answer;

    expect(connection.health.failure).toBeUndefined();
  });

  test('knows a refusal for an answer', async () => {
    const connection = open(connectionSource(rig.redis.url), 10_000);
    await connection.ready(10_000);
    await eventually(() => expect(connection.health.sinceRoundTripMs).toBeGreaterThan(300));

    await expect(connection.run('ask', (client) => client.call('NONSENSE'))).rejects.toThrow();

    expect(connection.health.failure).toBeUndefined();
    expect(connection.health.sinceRoundTripMs).toBeLessThan(300);
  });
});
