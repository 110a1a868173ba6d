import { expect, jest, test } from '@jest/globals';
import type { RedisOptions } from 'ioredis';
import { findFreePort, startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import { RedisConnection } from '../../libs/redis-queue-transport/src/redis/connection/redis-connection.js';
import { connectionSource } from '../../libs/redis-queue-transport/src/redis/address/connection-source.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import { redisRig } from '../support/redis-rig.js';

const rig = redisRig();
jest.setTimeout(60_000);

const NAME = 'main';

async function startSentinel(port?: number): Promise<LocalRedis> {
  const settings = { [`sentinel monitor ${NAME}`]: `127.0.0.1 ${rig.redis.port} 1` };
  const sentinel = await startRedis({
    isSentinel: true,
    settings,
    ...(port === undefined ? {} : { port }),
  });
  rig.closeLater({ close: () => sentinel.stop() });
  return sentinel;
}

function open(
  ports: readonly number[],
  options: RedisOptions = {},
  errors: unknown[] = [],
): RedisConnection {
  const sentinels = ports.map((port) => ({ host: '127.0.0.1', port }));
  const source = connectionSource({
    sentinels,
    name: NAME,
    // So that only those that are given are asked.
    updateSentinels: false,
    ...options,
  });
  return rig.closeLater(
    new RedisConnection(source, 'rq-test', 5_000, { error: (error) => errors.push(error) }),
  );
}

test('a connection that is to be replaced while it still asks a Sentinel opens all the same', async () => {
  const proxy = rig.closeLater(await Proxy.start((await startSentinel()).port));
  const reply = proxy.holdReply((words) => words[0]?.toLowerCase() === 'sentinel');
  const connection = open([proxy.port]);
  const ready = connection.ready(20_000);
  await reply.happened;

  connection.reconnect();
  reply.release();

  await ready;
  expect(connection.isReady).toBe(true);
});

test('a Sentinel that does not reply holds up nobody for long', async () => {
  const [frozen, other] = [await startSentinel(), await startSentinel()];
  frozen.pause();
  const connection = open([frozen.port, other.port]);

  await connection.ready(10_000);

  connection.reconnect();
  await eventually(() => expect(connection.isReady).toBe(false));
  await connection.ready(10_000);
});

test.each<[string, RedisOptions]>([
  ['as long as it takes', {}],
  ['even if ioredis is told to give up', { sentinelRetryStrategy: () => null }],
])('a connection waits until a Sentinel is there, %s', async (_, options) => {
  const port = await findFreePort();
  const errors: unknown[] = [];
  const connection = open([port], options, errors);
  const ready = connection.ready(30_000);
  await eventually(() => expect(errors.map(String).join()).toMatch(/No Sentinel can be reached/));

  await startSentinel(port);

  await ready;
});

test('closing it while it asks a Sentinel leaves nothing behind', async () => {
  const frozen = await startSentinel();
  frozen.pause();
  const connection = open([frozen.port]);
  const ready = connection.ready(20_000);
  connection.close();
  await expect(ready).rejects.toThrow(/closed/);
});
