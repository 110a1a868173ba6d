import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { placeOfQueue } from '../support/place-of-queue.js';
import { redisRig } from '../support/redis-rig.js';
import { element } from './elements.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

let emitter: Broker;
let other: Broker;

beforeEach(async () => {
  [emitter, other] = await Promise.all([world.open(), world.open()]);
});

const wildcards = (): string => `${rig.prefix}:{wildcards}`;
const changes = (): string => `${rig.prefix}:{wildcards}:changes`;
const declare = (pattern: string, ...groups: string[]): Promise<void> =>
  other.declare({ pattern, groups });

async function groupsOf(pattern: string): Promise<number> {
  const { groups } = await emitter.publish(pattern, 'e', element('e'));
  return groups;
}

/** The ids that wait for a group, in their order. */
async function waiting(queue: string): Promise<string[]> {
  const key = `${rig.prefix}:${placeOfQueue(queue)}:waiting`;
  const elements = await rig.commands.lrange(key, 0, -1);
  return elements.map((one) => /"id":"(\w+)"/.exec(one)?.[1] ?? '');
}

async function callsOf(command: string, work: () => Promise<void>): Promise<number> {
  await rig.commands.config('RESETSTAT');
  await work();
  const stats = await rig.commands.info('commandstats');
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
}

describe('the index of a pattern', () => {
  test('is beside its queues, and all fields are listed in one hash', async () => {
    await other.declare({ pattern: 'a.b', groups: ['x'], history: { maxLength: 5 } });
    await declare('a.*', 'y');
    const index = await rig.commands.hgetall(`${rig.prefix}:{a.b}:groups`);
    expect(Object.keys(index).sort()).toEqual(['@x/a.b', 'history:a.b', 'version']);
    expect(Object.keys(await rig.commands.hgetall(wildcards())).sort()).toEqual([
      '@y/a.*',
      'version',
    ]);
    const listed = await rig.commands.hkeys(`${rig.prefix}:groups`);
    expect(listed.sort()).toEqual(['@x/a.b', '@y/a.*', 'history:a.b']);
  });

  test('is read once by each emitter of the pattern, and by no other', async () => {
    await declare('a.b', 'x');
    await declare('other', 'x');
    const reads = await callsOf('hgetall', async () => {
      for (let n = 0; n < 5; n += 1) expect(await groupsOf('a.b')).toBe(1);
    });
    expect(reads).toBe(1);
  });

  test('lists a group again that the list has lost, when a server declares it', async () => {
    await declare('a.b', 'x');
    await rig.commands.del(`${rig.prefix}:groups`);
    await declare('a.b', 'x');
    expect(await rig.commands.hkeys(`${rig.prefix}:groups`)).toEqual(['@x/a.b']);
  });

  test('is listed by one call with others that are declared at the same time', async () => {
    const patterns = Array.from({ length: 200 }, (_, n) => `p.${n}`);
    await declare('p', 'x');
    const calls = await callsOf('evalsha', async () => {
      await Promise.all(patterns.map((pattern) => declare(pattern, 'x')));
    });
    expect(await rig.commands.hlen(`${rig.prefix}:groups`)).toBe(201);
    expect(calls).toBeLessThan(1.5 * patterns.length);
  });

  test('is found again after it was forgotten among thousands of others', async () => {
    await declare('a.b', 'x');
    expect(await groupsOf('a.b')).toBe(1);
    for (let n = 0; n < 2_500; n += 500) {
      const some = Array.from({ length: 500 }, (_, m) => groupsOf(`new.${n + m}`));
      expect(new Set(await Promise.all(some))).toEqual(new Set([0]));
    }
    expect(await groupsOf('a.b')).toBe(1);
  });
});

test('events of several patterns keep their order when one pattern has new groups', async () => {
  await declare('#', 'all');
  for (const pattern of ['a', 'b', 'c']) await groupsOf(pattern);
  const ids: string[] = [];
  const emitted: Promise<unknown>[] = [];
  for (let n = 0; n < 60; n += 1) {
    if (n % 20 === 10) emitted.push(declare('a', `g${n}`));
    const id = `n${n}`;
    ids.push(id);
    emitted.push(emitter.publish(['a', 'b', 'c'][n % 3] ?? '', id, element(id)));
    await new Promise(setImmediate);
  }
  await Promise.all(emitted);
  expect(await waiting('@all/#')).toEqual(['e', 'e', 'e', ...ids]);
});

test('events with keys and with ids to remember keep their order among others of the same call', async () => {
  await declare('#', 'all');
  await declare('b', 'other');
  const ids = Array.from({ length: 200 }, (_, n) => `n${n}`);
  await Promise.all(
    ids.map((id, n) => {
      const key = n % 7 === 3 ? `"key":"${id}",` : '';
      const terms = n % 11 === 5 ? { deduplicateMs: 60_000 } : undefined;
      const bytes = Buffer.from(`{"rq":1,${key}"id":"${id}","at":1}\n{}`);
      return emitter.publish(n % 5 === 4 ? 'b' : 'a', id, bytes, terms);
    }),
  );
  expect(await waiting('@all/#')).toEqual(ids);
});

test('events of more patterns than may be under way keep their order', async () => {
  await declare('#', 'all');
  const ids = Array.from({ length: 3_000 }, (_, n) => `n${n}`);
  await Promise.all(ids.map((id) => emitter.publish(`p.${id}`, id, element(id))));
  expect(await waiting('@all/#')).toEqual(ids);
});

describe('the index of wildcards', () => {
  test('costs an emitter only what has changed', async () => {
    await declare('a.*', 'x');
    expect(await groupsOf('a.b')).toBe(1);
    const scans = await callsOf('hscan', async () => {
      await declare('*.b', 'y');
      expect(await groupsOf('a.b')).toBe(2);
      await other.subscribe(['#'], () => undefined);
      expect(await emitter.publish('a.c', 'e', element('e'))).toMatchObject({ listeners: 1 });
    });
    expect(scans).toBe(0);
  });

  test('is read anew if the version that an emitter knows was lost in a failover', async () => {
    await declare('a.*', 'x');
    const before = await Promise.all(
      [wildcards(), changes()].map((key) => rig.commands.dumpBuffer(key)),
    );
    const admin = world.openAdmin();
    await admin.events.retire('@x/a.*', 'drop');
    expect(await groupsOf('a.b')).toBe(0);
    // The new primary does not know that the group was retired, and hears of another one.
    for (const [at, key] of [wildcards(), changes()].entries())
      await rig.commands.restore(key, 0, before[at] ?? '', 'REPLACE');
    await declare('b.*', 'y');
    expect(await groupsOf('a.b')).toBe(1);
  });

  test('is read anew if somebody has removed it by hand', async () => {
    await declare('a.*', 'x');
    expect(await groupsOf('a.b')).toBe(1);
    await rig.commands.del(wildcards());
    expect(await groupsOf('a.b')).toBe(0);
    await declare('b.*', 'y');
    expect(await groupsOf('a.b')).toBe(0);
    expect(await groupsOf('b.b')).toBe(1);
  });

  test('is read in parts if more has changed than is kept of changes', async () => {
    await declare('a.*', 'x');
    expect(await groupsOf('a.b')).toBe(1);
    await rig.commands.xtrim(changes(), 'MAXLEN', 0);
    await declare('*.b', 'y');
    expect(await groupsOf('a.b')).toBe(2);
  });
});
