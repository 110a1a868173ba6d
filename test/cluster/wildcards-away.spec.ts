import { expect, jest, test } from '@jest/globals';
import { clusterRig } from '../support/cluster-rig.js';

jest.setTimeout(60_000);

const rig = clusterRig({ replicas: 0 });

test('while the node with the wildcards is away, events are refused as not sent', async () => {
  for (const server of rig.cluster.servers)
    await server.call('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
  const away = await rig.cluster.primaryOf('{wildcards}');
  let number = 0;
  while ((await rig.cluster.primaryOf(`{happened.${number}}`)) === away) number += 1;
  const pattern = `happened.${number}`;
  const client = rig.client({ connectTimeoutMs: 1_000 });
  await client.emit(pattern, 'before');

  away.redis.pause();
  await expect(client.emit(pattern, 'meanwhile')).rejects.toMatchObject({
    name: 'RedisUnavailableError',
  });
  away.redis.resume();

  await rig.cluster.untilHealthy();
  await client.emit(pattern, 'after');
});
