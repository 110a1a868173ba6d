import { describe, expect, test } from '@jest/globals';
import type { Inspection, SentinelReading } from '../../core/admin/inspection.js';
import type { Patient } from './check.js';
import { SERVER_CHECKS } from './server-checks.js';

const GOOD = {
  redis_version: '7.2.4',
  redis_mode: 'standalone',
  maxmemory: '1000',
  used_memory: '100',
  aof_enabled: '1',
  role: 'master',
  connected_slaves: '1',
  slave0: 'ip=10.0.0.2,port=6379,state=online,offset=14,lag=1',
  min_slaves_good_slaves: '1',
  connected_clients: '10',
  maxclients: '100',
};

async function wrongOf(
  info: Record<string, string>,
  appendfsync = 'everysec',
  sentinels: readonly SentinelReading[] = [],
): Promise<readonly string[]> {
  const patient = {
    info: { ...GOOD, ...info },
    inspection: {
      setting: (name) => Promise.resolve(name === 'appendfsync' ? appendfsync : '1'),
      replicas: () => Promise.resolve([{ place: '10.0.0.2:6379', info: { aof_enabled: '1' } }]),
      sentinels: () => Promise.resolve(sentinels),
    } satisfies Partial<Inspection>,
  } as unknown as Patient; // all that these checks look at
  const found: string[] = [];
  for (const check of SERVER_CHECKS)
    for (const { id, level } of await check.run(patient)) if (level === 'wrong') found.push(id);
  return found;
}

/** What a test on a real server cannot set up. */
describe('what Redis tells of itself', () => {
  test('is well where it is set up well', async () => {
    expect(await wrongOf({})).toEqual([]);
    expect(await wrongOf({ redis_version: '10.0.1' })).toEqual([]);
    expect(await wrongOf({ server_name: 'valkey', redis_version: '7.2.4' })).toEqual([]);
  });

  test.each<[string, Record<string, string>]>([
    ['version', { redis_version: '6.2.14' }],
    ['mode', { redis_mode: 'cluster' }],
    ['mode', { redis_mode: 'sentinel' }],
    ['evicted', { evicted_keys: '3' }],
    ['memory-full', { maxmemory: '0', total_system_memory: '110' }],
    ['not-saved', { aof_last_write_status: 'err' }],
    ['replica-behind', { slave0: 'ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0' }],
    ['replica-behind', { slave0: 'ip=10.0.0.2,port=6379,state=online,offset=14,lag=60' }],
  ])('is found as %s', async (id, info) => {
    expect(await wrongOf(info)).toEqual([id]);
  });

  test('includes Sentinels that name different primaries', async () => {
    const reading = { place: 'a:26379', failure: undefined, known: 3, noQuorum: undefined };
    const [one, other] = ['10.0.0.1:6379', '10.0.0.2:6379'].map((primary) => ({
      ...reading,
      primary,
    }));
    expect(await wrongOf({}, 'everysec', [one!, one!])).toEqual([]);
    expect(await wrongOf({}, 'everysec', [one!, other!])).toEqual(['sentinels-disagree']);
  });

  test('includes how often its file is synced', async () => {
    expect(await wrongOf({}, 'no')).toEqual(['rarely-synced']);
  });
});
