import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, jest, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { ConsumerOptions } from '../../libs/redis-queue-transport/src/core/consumer/consumer-parts.js';
import { WATCHERS } from '../../libs/redis-queue-transport/src/redis/lua/sleepers-lua.js';
import { eventually } from '../support/eventually.js';
import { Monitor } from '../support/monitor.js';
import { redisRig } from '../support/redis-rig.js';
import { QUEUE, Stage } from './consumer.contract.js';
import { element } from './elements.js';
import { RedisWorld } from './redis-world.js';

jest.setTimeout(120_000);

const rig = redisRig();
/** In which everybody sleeps, */
const asleep = new RedisWorld(rig, 0);
/** and in which everybody blocks. */
const blocking = new RedisWorld(rig);

const key = (name: string): string => `${rig.prefix}:{${QUEUE}}:${name}`;
const sleepers = (): Promise<string[]> => rig.commands.zrange(key('sleepers'), '0', '-1');

async function untilAsleep(many: number): Promise<void> {
  await eventually(async () => expect(await sleepers()).toHaveLength(many));
}

/** Consumers with connections of their own, as in processes of their own. */
async function startReplicas(
  many: number,
  options: Partial<ConsumerOptions> = {},
  world = asleep,
): Promise<Stage[]> {
  const stages: Stage[] = [];
  for (let started = 0; started < many; started += 10) {
    const some = Array.from({ length: Math.min(10, many - started) }, async () => {
      const stage = new Stage(world, await world.open(), options);
      await stage.consumer.start();
      return stage;
    });
    stages.push(...(await Promise.all(some)));
  }
  return stages;
}

const startedIn = (stages: readonly Stage[]): string[] => stages.flatMap(({ started }) => started);

function endAll(stages: readonly Stage[]): void {
  for (const stage of stages) for (const id of stage.started) stage.end(id);
}

async function push(broker: Broker, ...names: string[]): Promise<void> {
  await Promise.all(names.map((name) => broker.push(QUEUE, name, element(name))));
}

/** The commands that clients send meanwhile. */
async function commandsDuring(work: () => Promise<void>): Promise<string[]> {
  const seen: string[] = [];
  const monitor = await Monitor.start(rig.redis.port, ({ words, source }) => {
    const [name = '', first = ''] = words;
    if (source !== 'lua' && !/^(zrange|zcard|ping)$/i.test(name))
      seen.push(/^client$/i.test(name) ? `${name} ${first}` : name);
  });
  await work();
  await monitor.close();
  return seen;
}

const COUNT = Number(process.env['REPLICAS'] ?? 100);

describe('consumers that sleep', () => {
  test(`of one queue, ${COUNT} of them, cost Redis few commands for each lone message`, async () => {
    const stages = await startReplicas(COUNT, { leaseMs: 300_000 });
    await untilAsleep(COUNT);
    const sender = await asleep.open();
    await push(sender, 'first');
    await eventually(() => expect(startedIn(stages)).toEqual(['first']));
    endAll(stages);
    await untilAsleep(COUNT);

    const MESSAGES = 20;
    const seen = await commandsDuring(async () => {
      for (let sent = 0; sent < MESSAGES; sent += 1) {
        await push(sender, `m${sent}`);
        await eventually(() => expect(startedIn(stages)).toContain(`m${sent}`));
        endAll(stages);
        await untilAsleep(COUNT);
      }
    });
    // Each watcher looks, and some of them watch again: no more than that, however many there are.
    expect(seen.length / MESSAGES).toBeLessThan(20);
  });

  test('all take part in a burst at once', async () => {
    const REPLICAS = 30;
    const stages = await startReplicas(REPLICAS, { concurrency: 1, prefetch: 1 });
    await untilAsleep(REPLICAS);
    const sender = await asleep.open();
    const began = performance.now();
    await push(sender, ...Array.from({ length: 200 }, (_, index) => `m${index}`));
    await eventually(() => {
      expect(stages.filter(({ started }) => started.length > 0)).toHaveLength(REPLICAS);
    });
    expect(performance.now() - began).toBeLessThan(5_000);
    await untilAsleep(0);
  });

  test('take what another program pushes with redis-cli', async () => {
    const [stage] = await startReplicas(1);
    await untilAsleep(1);
    const cli = ['-p', String(rig.redis.port), 'LPUSH', key('waiting'), '{"a":1}'];
    await promisify(execFile)('redis-cli', cli);
    await eventually(() => expect(stage?.started).toHaveLength(1));
  });

  test('are told of messages while those before them have no place left', async () => {
    const stages = await startReplicas(WATCHERS + 2, { concurrency: 1, prefetch: 1 });
    await untilAsleep(WATCHERS + 2);
    const sender = await asleep.open();
    // None ends.
    for (let sent = 0; sent < WATCHERS + 2; sent += 1) {
      await push(sender, `m${sent}`);
      await eventually(() => expect(startedIn(stages)).toHaveLength(sent + 1), 5_000);
    }
    await untilAsleep(0);
  });

  test('are told of messages while one that blocks has no place left', async () => {
    const [holder] = await startReplicas(1, { concurrency: 1, prefetch: 1 }, blocking);
    const stages = await startReplicas(2, { concurrency: 1, prefetch: 1 });
    await untilAsleep(2);
    const sender = await asleep.open();
    await push(sender, 'a', 'b', 'c');
    await eventually(() => expect(startedIn([...stages, holder!]).sort()).toEqual(['a', 'b', 'c']));
  });

  test('give their place to others when they pause, drain or stop', async () => {
    const stages: Stage[] = [];
    for (let many = 1; many <= WATCHERS + 1; many += 1) {
      stages.push(...(await startReplicas(1)));
      await untilAsleep(many);
    }
    const [paused, drained, stopped, last] = stages;
    paused?.consumer.pause();
    drained?.consumer.drain();
    await stopped?.consumer.stop(1_000);
    await untilAsleep(1);
    const sender = await asleep.open();
    await push(sender, 'a');
    await eventually(() => expect(last?.started).toEqual(['a']));
  });

  test('are not kept from watching by the places of consumers that are gone', async () => {
    await rig.commands.zadd(key('sleepers'), 1, 'gone-1', 2, 'gone-2', 3, 'gone-3');
    const [stage] = await startReplicas(1);
    await eventually(async () => expect(await sleepers()).toHaveLength(1));
    await push(await asleep.open(), 'a');
    await eventually(() => expect(stage?.started).toEqual(['a']));
  });

  test('find a message with the next renewal if all watchers stand still', async () => {
    const frozen = Array.from({ length: WATCHERS }, (_, index) => `frozen-${index}`);
    for (const [index, name] of frozen.entries()) {
      await rig.commands.zadd(key('sleepers'), index + 1, name);
      await rig.commands.zadd(key('consumers'), Date.now() + 600_000, name);
    }
    const [stage] = await startReplicas(1, { leaseMs: 3_000 });
    await untilAsleep(WATCHERS + 1);
    const sender = await asleep.open();
    await push(sender, 'a');
    await eventually(() => expect(stage?.started).toEqual(['a']));
    stage?.end('a');
    // It watches as well now.
    await eventually(async () => expect(await sleepers()).toHaveLength(WATCHERS + 1));
    await push(sender, 'b');
    await eventually(() => expect(stage?.started).toEqual(['a', 'b']));
    await rig.commands.zrem(key('sleepers'), ...frozen);
    await rig.commands.zrem(key('consumers'), ...frozen);
  });

  test('find what another program delays without a word', async () => {
    const [stage] = await startReplicas(1, { leaseMs: 3_000 });
    await untilAsleep(1);
    await rig.commands.zadd(key('delayed'), Date.now() + 2_000, '{"a":1}');
    await eventually(() => expect(stage?.started).toHaveLength(1));
  });

  test('give back what a late command has put into their list', async () => {
    const [stage] = await startReplicas(1, { leaseMs: 3_000 });
    await untilAsleep(1);
    const [consumer = ''] = await sleepers();
    await rig.commands.rpush(key(`processing:${consumer}`), element('late'));
    await eventually(() => expect(stage?.started).toEqual(['late']));
    stage?.end('late');
    await eventually(async () =>
      expect(await rig.commands.exists(key(`processing:${consumer}`))).toBe(0),
    );
  });

  test('take messages again after all keys were removed', async () => {
    const stages = await startReplicas(2, { leaseMs: 3_000 });
    await untilAsleep(2);
    await rig.commands.flushall();
    await push(await asleep.open(), 'a');
    await eventually(() => expect(startedIn(stages)).toEqual(['a']));
  });

  test.each(['normal', 'pubsub'] as const)(
    'take messages again after all connections of the kind "%s" were cut',
    async (kind) => {
      const stages = await startReplicas(2);
      const sender = await asleep.open();
      for (let round = 0; round < 5; round += 1) {
        await untilAsleep(2);
        await rig.commands.call('CLIENT', 'KILL', 'TYPE', kind, 'SKIPME', 'yes');
        await eventually(() => sender.connect());
        await eventually(() => push(sender, `m${round}`), 5_000);
        await eventually(() => expect(startedIn(stages)).toContain(`m${round}`), 5_000);
        endAll(stages);
      }
    },
  );
});

describe('a user who may not have changes told', () => {
  test('gets a connection that blocks for each consumer, and a warning', async () => {
    await rig.commands.call(
      'ACL',
      'SETUSER',
      'untold',
      'on',
      '>x',
      '~*',
      '&*',
      '+@all',
      '-client|tracking',
    );
    rig.closeLater({ close: () => rig.commands.call('ACL', 'DELUSER', 'untold') });
    const warnings: string[] = [];
    const url = rig.redis.url.replace('redis://', 'redis://untold:x@');
    const broker = asleep.openUnconnected(url, 5_000, { warning: (text) => warnings.push(text) });
    const stages = [new Stage(asleep, broker), new Stage(asleep, broker, { queue: 'other' })];
    for (const stage of stages) await stage.consumer.start();
    await eventually(async () => expect(await asleep.countWaits()).toBe(2));
    await push(await asleep.open(), 'a');
    await eventually(() => expect(stages[0]?.started).toEqual(['a']));
    expect(warnings).toEqual([expect.stringMatching(/CLIENT TRACKING.*NOPERM/)]);
  });
});
