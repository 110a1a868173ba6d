import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  RedisQueueClient,
  RedisQueueRecordBuilder,
  RedisRefusedError,
} from 'nestjs-redis-queue-transport';
import type { EmitResult } from 'nestjs-redis-queue-transport';
import { Redis } from 'ioredis';
import { lastValueFrom } from 'rxjs';
import type { GroupReplicaSettings } from '../programs/group-replica.js';
import { eventually } from '../support/eventually.js';
import { readJournal } from '../support/journal.js';
import { idsOf } from '../support/ledger.js';
import { queueKey } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { TestProcess } from '../support/test-process.js';
import { LEASE_MS } from './fault-stage.js';

const rig = redisRig({ settings: { 'maxmemory-policy': 'noeviction' } });

jest.setTimeout(60_000);

const DURABLE = 'order.placed';
const LIVE = 'price.changed';
const GROUPS = ['billing', 'mail'];
const LARGE = 'x'.repeat(5_000);

let client: RedisQueueClient;

beforeEach(async () => {
  Logger.overrideLogger(false);
  rig.mayRemain(/}[^:]*:(parked|fenced)$/);
  rig.closeLater({ close: () => setMaxMemory(0) });
  client = rig.closeLater(
    new RedisQueueClient({
      connection: rig.connection,
      prefix: rig.prefix,
      parkAboveBytes: 1_000,
      compressAboveBytes: false,
      declare: { [DURABLE]: { groups: GROUPS, history: { maxLength: 100 } } },
    }),
  );
  await client.connect();
});

async function setMaxMemory(bytes: number): Promise<void> {
  await rig.commands.config('SET', 'maxmemory', String(bytes));
}

function emit(id: string, more: object = {}): Promise<EmitResult> {
  const record = new RedisQueueRecordBuilder({ id, ...more }).id(id).deduplicate(60_000).build();
  return lastValueFrom(client.emit(DURABLE, record));
}

function tell(data: string): Promise<EmitResult> {
  return lastValueFrom(client.emit(LIVE, data));
}

/** Everything that Redis holds of the durable events, except for the index of groups. */
async function held(): Promise<unknown> {
  const keys = (await rig.commands.keys(`${rig.prefix}:{*`)).sort();
  return Promise.all(keys.map(async (key) => [key, await rig.commands.dumpBuffer(key)]));
}

describe('a Redis that is full (noeviction)', () => {
  test('refuses durable events with a typed error and holds no part of them, while live ones pass', async () => {
    const heard: string[] = [];
    const listener = new Redis(rig.redis.url);
    rig.closeLater({ close: () => listener.disconnect() });
    listener.on('message', (_, element: string) => heard.push(element.split('\n')[1] ?? ''));
    await listener.subscribe(`${rig.prefix}:event:${LIVE}`);
    expect(await emit('before')).toMatchObject({ groups: 2 });
    const before = await held();

    // Less than any Redis uses.
    await setMaxMemory(1);
    // They leave in one call, with one in between that holds nothing.
    const calls = await Promise.allSettled([
      emit('a'),
      tell('live'),
      emit('b', { filler: LARGE }),
      lastValueFrom(client.emit(DURABLE, 'plain')),
    ]);
    const [first, live, ...others] = calls;
    for (const call of [first, ...others]) {
      expect(call).toMatchObject({ status: 'rejected', reason: { reply: 'OOM' } });
      expect(call?.status === 'rejected' && call.reason).toBeInstanceOf(RedisRefusedError);
    }
    expect(live).toMatchObject({ status: 'fulfilled', value: { listeners: 1 } });
    await eventually(() => expect(heard).toEqual(['"live"']));
    expect(await held()).toEqual(before);

    await setMaxMemory(0);
    // The refusal does not make duplicates of them.
    expect(await emit('a')).toMatchObject({ groups: 2, isDuplicate: false });
    expect(await emit('b', { filler: LARGE })).toMatchObject({ groups: 2, isDuplicate: false });
    for (const group of GROUPS)
      expect(await rig.commands.llen(queueKey(rig.prefix, `@${group}/${DURABLE}`, 'waiting'))).toBe(
        3,
      );
  });

  test('lets another replica join a group that once began in a history, and drain it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'full-'));
    rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
    const journal = join(directory, 'journal');
    const settings: GroupReplicaSettings = {
      url: rig.connection,
      prefix: rig.prefix,
      pattern: DURABLE,
      group: 'late',
      from: 'earliest',
      journal,
      leaseMs: LEASE_MS,
      concurrency: 5,
      workMs: 0,
    };
    const start = async (): Promise<TestProcess> =>
      rig.closeLater(await TestProcess.start('programs/group-replica.js', settings));
    await emit('a');
    const first = await start();
    await eventually(() => expect(idsOf(readJournal(journal), 'end')).toEqual(['a']));
    await first.close();
    await emit('b');

    await setMaxMemory(1);
    await start();
    await eventually(() => expect(idsOf(readJournal(journal), 'end')).toEqual(['a', 'b']));
  });
});
