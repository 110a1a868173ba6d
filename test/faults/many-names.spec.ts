import { beforeEach, describe, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import { RedisWorld } from '../contract/redis-world.js';
import { redisRig } from '../support/redis-rig.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const NAMES = Array.from(
  { length: 30_000 },
  (_, n) => `service.pattern-${String(n).padStart(6, '0')}`,
);
/** More than one part has. */
const MOST_IN_PART = 2_000;

let admin: AdminBroker;

beforeEach(() => {
  admin = world.openAdmin();
});

async function write(key: string, fields: readonly string[]): Promise<void> {
  for (let at = 0; at < fields.length; at += 1_000)
    await rig.commands.hset(
      key,
      Object.fromEntries(fields.slice(at, at + 1_000).map((field) => [field, 'served'])),
    );
}

/** How often each command that reads a hash was called. */
async function readsOf(work: () => Promise<void>): Promise<ReadonlyMap<string, number>> {
  await rig.commands.config('RESETSTAT');
  await work();
  const stats = await rig.commands.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_(h\w+):calls=(\d+)/gm)];
  return new Map(
    calls
      .filter(([, name]) => name !== 'hello')
      .map(([, name = '', count]) => [name, Number(count)]),
  );
}

describe('with many names, no command reads them all', () => {
  test('to list the queues', async () => {
    await write(`${rig.prefix}:queues`, NAMES);
    let queues: readonly string[] = [];
    const reads = await readsOf(async () => {
      queues = await admin.queues();
    });
    expect(queues).toEqual(NAMES);
    expect([...reads.keys()]).toEqual(['hscan']);
    expect(reads.get('hscan')).toBeGreaterThan(NAMES.length / MOST_IN_PART);
  });

  test('to list the groups', async () => {
    const groups = NAMES.map((name) => `@mail/${name}`);
    await write(`${rig.prefix}:groups`, groups);
    let queues: readonly string[] = [];
    const reads = await readsOf(async () => {
      ({ queues } = await admin.events.index());
    });
    expect(queues).toEqual(groups);
    expect([...reads.keys()]).toEqual(['hscan']);
    expect(reads.get('hscan')).toBeGreaterThan(NAMES.length / MOST_IN_PART);
  });
});
