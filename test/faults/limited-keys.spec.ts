import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import type { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { waitingIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { isExchange } from './commands.js';
import { LEASE_MS } from './fault-stage.js';
import { KeyedScene, WITHIN_MS } from './keyed-scene.js';

const rig = redisRig({
  settings: { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' },
});

jest.setTimeout(180_000);

const EACH = 10;
const HOUR_MS = 3_600_000;

async function hasLost(consumer: ConsumerProcess): Promise<void> {
  await eventually(() => expect(consumer.output).toContain('Lost the lease'), WITHIN_MS);
}

/** How many commands Redis has refused for want of permissions. */
async function refusals(): Promise<number> {
  const stats = await rig.commands.info('errorstats');
  return Number(/NOPERM:count=(\d+)/.exec(stats)?.[1] ?? 0);
}

async function killRedis(): Promise<void> {
  await rig.redis.kill();
  await rig.redis.restart();
}

async function fillRedis({ stage }: KeyedScene): Promise<void> {
  await rig.commands.config('SET', 'maxmemory', '1');
  // What is there is handled, and refused calls have ended.
  await eventually(async () => {
    const dump = await stage.dump();
    expect([waitingIn(dump).length, dump.lanes.size]).toEqual([0, 0]);
  }, WITHIN_MS);
  await rig.commands.config('SET', 'maxmemory', '0');
}

/** Those that have a rate, which is never reached. */
const PACED = new Set(['a Redis that is full and throws away what expires']);

/** The first process reaches Redis through the proxy. */
const FAULTS: Readonly<Record<string, (scene: KeyedScene) => Promise<unknown>>> = {
  'kill -9 of a consumer': async (scene) => {
    await scene.dismiss().kill();
    await scene.start();
  },
  'lost calls of a consumer, in each gap': async ({ proxy }) => {
    for (let round = 0; round < 3; round += 1) {
      await proxy.dropReply(isExchange).happened;
      await proxy.dropRequest(isExchange).happened;
    }
  },
  'kill -9 of Redis with appendfsync always': () => killRedis(),
  'kill -9 of Redis with appendfsync everysec': async (scene) => {
    await rig.commands.config('SET', 'appendfsync', 'everysec');
    await scene.goesOn(5);
    await killRedis();
  },
  'SIGSTOP of a consumer past its lease': async ({ consumers, stage }) => {
    const frozen = consumers[1]!;
    frozen.signal('SIGSTOP');
    await eventually(async () => {
      const fenced = await rig.commands.zcard(`${rig.prefix}:{${stage.queue}}:fenced`);
      expect(fenced).toBe(1);
    }, WITHIN_MS);
    frozen.signal('SIGCONT');
    await hasLost(frozen);
  },
  'SIGSTOP of Redis': async () => {
    rig.redis.pause();
    await pause(2 * LEASE_MS);
    rig.redis.resume();
  },
  'CLIENT KILL and SCRIPT FLUSH': async () => {
    for (let round = 0; round < 5; round += 1) {
      await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes');
      await rig.commands.script('FLUSH');
      await pause(50);
    }
  },
  'a Redis that is full': (scene) => fillRedis(scene),
  'a Redis that is full and throws away what expires': async (scene) => {
    await rig.commands.config('SET', 'maxmemory-policy', 'volatile-random');
    await fillRedis(scene);
    await rig.commands.config('SET', 'maxmemory-policy', 'noeviction');
    // What is kept of a rate, for one.
    const stats = await rig.commands.info('stats');
    expect(Number(/evicted_keys:(\d+)/.exec(stats)?.[1])).toBeGreaterThan(0);
  },
  'a handler that blocks its process past the lease': async (scene) => {
    const { consumers, stage } = scene;
    await stage.send({ ...scene.next('blocks'), blocksMs: 3 * LEASE_MS });
    await eventually(() => {
      const lost = consumers.filter(({ output }) => output.includes('Lost the lease'));
      expect(lost).toHaveLength(1);
    }, WITHIN_MS);
  },
  'a process whose clock is wrong and jumps': async (scene) => {
    await scene.start({ clockAheadMs: [HOUR_MS, -HOUR_MS, 0] });
  },
  'elements of others in its list': async ({ stage }) => {
    const waiting = `${rig.prefix}:{${stage.queue}}:waiting`;
    const forged = [
      '',
      'garbage',
      '{"rq":1,"attempt":9,"key":"other","id":"x',
      '{"rq":1,"key":"other","id":}\n{}',
      '{"rq":1,"key":"other","priority":77,"id":}\n{}',
    ];
    await rig.commands.rpush(waiting, ...forged);
    await eventually(async () => expect((await stage.dump()).dead).toHaveLength(forged.length));
    await rig.commands.del(`${rig.prefix}:{${stage.queue}}:dead`);
  },
  'a message that kills its process': async (scene) => {
    const { consumers, stage } = scene;
    await stage.send({ ...scene.next('poison'), kills: true });
    for (let kill = 0; kill < 2; kill += 1) {
      await eventually(
        () => expect(consumers.some(({ hasEnded }) => hasEnded)).toBe(true),
        WITHIN_MS,
      );
      scene.dismiss(consumers.find(({ hasEnded }) => hasEnded));
      await scene.start();
    }
  },
  'SIGTERM of a consumer': async (scene) => {
    const stopped = scene.dismiss();
    stopped.signal('SIGTERM');
    await stopped.ended();
    await scene.start();
  },
  'a user who lacks permissions for a while': async () => {
    const before = await refusals();
    await rig.commands.acl('SETUSER', 'default', '-eval', '-evalsha');
    await eventually(async () => expect((await refusals()) - before).toBeGreaterThan(10));
    await rig.commands.acl('SETUSER', 'default', '+@all');
  },
  'a Redis that is read-only for a while': async () => {
    await rig.commands.replicaof('127.0.0.1', 1);
    await pause(LEASE_MS / 2);
    await rig.commands.replicaof('NO', 'ONE');
  },
};

describe('a queue with keys, priorities, a limit and a bound', () => {
  test.each(Object.entries(FAULTS))('keeps them through %s', async (name, strike) => {
    const scene = await KeyedScene.open(rig, { maxCrashes: 2 });
    const more = PACED.has(name) ? { perKey: { rate: 10_000 } } : {};
    await Promise.all([scene.start(more, scene.proxy.url), scene.start(more)]);
    const sending = scene.sendEach(EACH);
    await scene.goesOn(5);

    await strike(scene);
    await sending;

    await scene.expectKept();
    await scene.expectAllPlaces();
  });
});
