import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { openTail } from '../../libs/redis-queue-transport/src/open-broker.js';
import { runCli } from '../cli/cli-process.js';
import { clusterRig } from '../support/cluster-rig.js';
import { eventually } from '../support/eventually.js';

jest.setTimeout(60_000);

const rig = clusterRig();

const QUEUES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

test('an admin tends queues, whatever their node', async () => {
  const client = rig.client();
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  for (const queue of QUEUES) await client.enqueueMany(queue, [1, 2, 3]);

  expect(await admin.queues()).toEqual(QUEUES);
  for (const queue of QUEUES) {
    expect(await admin.lengths(queue)).toMatchObject({ waiting: 3 });
    await admin.pause(queue);
    expect((await admin.peek(queue)).length).toBe(3);
    expect(await admin.purge(queue)).toBe(3);
    await admin.resume(queue);
  }
  expect((await admin.overview()).queues.map(({ queue }) => queue)).toEqual(QUEUES);
});

test('the doctor examines each primary, and says of which it speaks', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'doctor-'));
  rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
  const config = join(directory, 'config.json');
  await writeFile(config, JSON.stringify({ connection: rig.connection, prefix: rig.prefix }));

  const { json } = await runCli(['doctor', '--json', '--config', config]);

  const { findings } = json as { findings: { id: string; what: string }[] };
  const places = findings
    .filter(({ id }) => id === 'not-persistent')
    .map(({ what }) => /^redis:\/\/127\.0\.0\.1:(\d+)/.exec(what)?.[1]);
  const ports = (await rig.cluster.primaries()).map(({ port }) => String(port));
  expect(places.sort()).toEqual(ports.sort());
  expect(findings.map(({ id }) => id)).not.toContain('mode');
});

test('events are shown as they go by', async () => {
  const heard: string[] = [];
  const { connection, prefix } = { connection: rig.connection, prefix: rig.prefix };
  const tail = rig.closeLater(
    openTail({ connection, prefix }, '#', {
      event: (pattern) => heard.push(pattern),
      interrupted: () => undefined,
      error: () => undefined,
    }),
  );
  await tail.listen();
  await rig.client().emit('happened', 1);
  await eventually(() => expect(heard).toEqual(['happened']));
});
