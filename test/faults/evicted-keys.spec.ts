import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { heldIn, queueKey, waitingIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { KEYS, KeyedScene, WITHIN_MS } from './keyed-scene.js';

const rig = redisRig({ settings: { maxmemory: '0' } });

jest.setTimeout(180_000);

const EACH = 6;

/** What a policy such as `allkeys-lru` can throw away of a queue with keys, priorities and limits, each by itself. */
const PLACES = [
  'waiting',
  'lanes',
  `lanes:${KEYS[0]}`,
  'levels',
  'levels:9',
  'resting',
  'rate',
  'slowed',
  'terms',
  'roles',
  'counts',
  'consumers',
  'delayed',
  'suspects',
];

const POLICIES = ['allkeys-lru', 'allkeys-lfu', 'allkeys-random'];
/** So many keys of a Redis that has few of them. */
const MANY = 60;

/** Throws a key away, and tells how many messages it had. */
const EVICT = `
local type = redis.call('TYPE', KEYS[1]).ok
local many = type == 'list' and redis.call('LLEN', KEYS[1]) or type == 'zset' and redis.call('ZCARD', KEYS[1]) or 0
redis.call('DEL', KEYS[1])
return many
`;

/** Waits until nothing is left to do. What was thrown away is not missed. */
async function comesToRest(scene: KeyedScene): Promise<void> {
  await eventually(async () => {
    const dump = await scene.stage.dump();
    const { suspects, lanes, delayed } = dump;
    const there = [waitingIn(dump).length, suspects.length, lanes.size, delayed.length];
    expect([...there, heldIn(dump)]).toEqual([0, 0, 0, 0, 0]);
  }, WITHIN_MS);
}

/** Expects that the queue has no wrong counts, and handles what comes. */
async function expectToGoOn(scene: KeyedScene): Promise<void> {
  await scene.admin.repairLanes(scene.stage.queue);
  await comesToRest(scene);
  const { wrong } = await scene.admin.checkLanes(scene.stage.queue);
  expect(wrong).toEqual([]);

  const later = KEYS.map((key) => scene.next(key));
  for (const message of later) expect(await scene.stage.send(message)).toEqual(['confirmed']);
  await comesToRest(scene);
  const ended = new Set(scene.stage.ledger.idsOf('end'));
  expect(later.filter(({ id }) => !ended.has(id))).toEqual([]);
}

async function evicted(): Promise<number> {
  const stats = await rig.commands.info('stats');
  return Number(/evicted_keys:(\d+)/.exec(stats)?.[1] ?? 0);
}

describe('a busy queue with keys, priorities, a limit and a bound', () => {
  test.each(PLACES)(
    'loses no more than that when Redis throws away its %s, and goes on after a repair',
    async (place) => {
      const scene = await KeyedScene.open(rig);
      await Promise.all([scene.start(), scene.start()]);
      const sending = scene.sendEach(EACH);
      await scene.goesOn(5);
      const key = queueKey(rig.prefix, scene.stage.queue, place);
      const lost = Number(await rig.commands.eval(EVICT, 1, key));
      // A key whose message is gone is blocked until then.
      await scene.admin.repairLanes(scene.stage.queue);
      await sending;

      await expectToGoOn(scene);
      // One more each, afterwards.
      const sent = KEYS.length * (EACH + 1);
      expect(scene.handled).toBeGreaterThanOrEqual(sent - lost);
    },
  );

  test.each(POLICIES)('goes on after a repair when Redis was full with %s', async (policy) => {
    const scene = await KeyedScene.open(rig);
    await Promise.all([scene.start(), scene.start()]);
    const stop = scene.keepSending();
    await scene.goesOn(5);
    const before = await evicted();
    await rig.commands.config('SET', 'maxmemory-policy', policy);
    try {
      await rig.commands.config('SET', 'maxmemory', '24mb');
      await eventually(async () => {
        for (let n = 0; n < 20; n += 1)
          await rig.commands.set(`${rig.prefix}:junk:${n}`, 'x'.repeat(1_048_576));
        expect((await evicted()) - before).toBeGreaterThan(MANY);
      }, WITHIN_MS);
    } finally {
      await rig.commands.config('SET', 'maxmemory', '0');
      await rig.commands.config('SET', 'maxmemory-policy', 'noeviction');
      for (let n = 0; n < 20; n += 1) await rig.commands.del(`${rig.prefix}:junk:${n}`);
    }
    await stop();

    await expectToGoOn(scene);
  });
});
