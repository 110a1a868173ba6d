import { expect, jest, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { clusterRig } from '../support/cluster-rig.js';

jest.setTimeout(60_000);

const rig = clusterRig({ replicas: 0 });

test('a client that starts while a node is away sends to the queues of the others', async () => {
  for (const server of rig.cluster.servers)
    await server.call('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
  // It has the first slots, so that a client would begin with it.
  const [away, ...others] = rig.cluster.servers;
  const isElsewhere = async (key: string): Promise<boolean> =>
    (await rig.cluster.primaryOf(key)) !== away;
  const numbers = Array.from({ length: 20 }, (_, number) => number);
  const queue = await first(
    numbers.map((number) => `q${number}`),
    (name) => isElsewhere(`{${name}}`),
  );
  // The name of a queue is listed at its first message.
  const prefix = await first(
    numbers.map((number) => `${rig.prefix}:${number}`),
    (name) => isElsewhere(`${name}:queues`),
  );
  const nodes = others.map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = rig.client({ connectTimeoutMs: 3_000, connection: { nodes }, prefix });

  away?.redis.pause();
  try {
    expect(await lastValueFrom(client.enqueue(queue, 1))).toMatchObject({ isDuplicate: false });
  } finally {
    away?.redis.resume();
    await rig.cluster.untilHealthy();
  }
});

async function first(
  names: readonly string[],
  isIt: (name: string) => Promise<boolean>,
): Promise<string> {
  for (const name of names) if (await isIt(name)) return name;
  throw new Error('There is none.');
}
