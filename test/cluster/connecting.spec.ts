import { expect, jest, test } from '@jest/globals';
import { findFreePort, startRedis } from 'local-redis';
import { RedisUnavailableError } from 'nestjs-redis-queue-transport';
import { clusterRig } from '../support/cluster-rig.js';

jest.setTimeout(60_000);

const rig = clusterRig({ primaries: 2, replicas: 0 });

const nowhere = async (): Promise<{ host: string; port: number }> => ({
  host: '127.0.0.1',
  port: await findFreePort(),
});

test('one node that can be reached is enough', async () => {
  const nodes = [await nowhere(), ...rig.cluster.nodes.slice(1)];
  const client = rig.client({ connection: { nodes } });
  for (const queue of ['a', 'b', 'c', 'd']) await client.enqueue(queue, 1);
});

test('no node that can be reached is named, as soon as the time is over', async () => {
  const node = await nowhere();
  const client = rig.client({ connection: { nodes: [node] }, connectTimeoutMs: 300 });
  const sent = Promise.resolve(client.enqueue('a', 1));
  await expect(sent).rejects.toThrow(RedisUnavailableError);
  await expect(sent).rejects.toThrow(new RegExp(`Redis Cluster at 127.0.0.1:${node.port}`));
});

test('addresses that nodes announce are translated', async () => {
  const [first] = rig.cluster.nodes;
  const wrong = await nowhere();
  const natMap = { [`${wrong.host}:${wrong.port}`]: first! };
  await rig.cluster.servers[0]?.call('CONFIG', 'SET', 'cluster-announce-port', wrong.port);
  try {
    const client = rig.client({ connection: { nodes: [first!], natMap } });
    for (const queue of ['a', 'b', 'c', 'd']) await client.enqueue(queue, 1);
  } finally {
    await rig.cluster.servers[0]?.call('CONFIG', 'SET', 'cluster-announce-port', 0);
  }
});

test('a single Redis is not taken for a cluster, and a node of a cluster not for a single Redis', async () => {
  const single = await startRedis();
  rig.closeLater({ close: () => single.stop() });
  const asCluster = rig.client({ connection: { nodes: [single.url] } });
  await expect(Promise.resolve(asCluster.enqueue('a', 1))).rejects.toThrow(
    /is a single Redis: give it as connection/,
  );
  const asSingle = rig.client({ connection: rig.redis.url });
  await expect(Promise.resolve(asSingle.enqueue('a', 1))).rejects.toThrow(
    /node of a (Redis C|c)luster: give \{ nodes/,
  );
});
