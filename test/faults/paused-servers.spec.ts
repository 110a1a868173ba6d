import { describe, expect, jest, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { idsOf } from '../support/ledger.js';
import { dumpQueue, heldIn, queueKey, waitingIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { disorder } from './disorder.js';
import { FaultStage } from './fault-stage.js';
import { KEYS, KeyedScene, MAX_LENGTH, WITHIN_MS, WORK_MS } from './keyed-scene.js';

const rig = redisRig({ settings: { appendonly: 'yes', appendfsync: 'always' } });

jest.setTimeout(180_000);

const [PAUSED, ...OTHERS] = KEYS;

/** What a process has started so far. */
function startedBy(one: ConsumerProcess): string[] {
  return idsOf(one.journal, 'start');
}

async function restartRedis(): Promise<void> {
  await rig.redis.kill();
  await rig.redis.restart();
}

/** Ends a process by SIGTERM, and expects that it has left its queue. */
async function stop(one: ConsumerProcess): Promise<void> {
  one.signal('SIGTERM');
  await one.ended();
  const names = await rig.commands.zrange(queueKey(rig.prefix, 'work', 'consumers'), '0', '-1');
  expect(names.filter((name) => name.includes(`-${one.pid}-`))).toEqual([]);
}

/** Sends a message that holds, and returns the process that runs it. */
async function holderOf(scene: KeyedScene, key: string): Promise<ConsumerProcess> {
  const message = { ...scene.next(key), holds: true, failsFirst: false };
  await scene.stage.send(message);
  return eventually(() => {
    const holder = scene.consumers.find((one) => startedBy(one).includes(message.id));
    if (holder === undefined) throw new Error('It has not been started.');
    return holder;
  });
}

/** Waits until each consumer of these queues has renewed its lease, and so has learned what it may have missed. */
async function untilRenewed(consumers: number, ...queues: readonly string[]): Promise<void> {
  const endsOf = async (queue: string): Promise<Map<string, number>> => {
    const words = await rig.commands.zrange(
      queueKey(rig.prefix, queue, 'consumers'),
      ...(['0', '-1', 'WITHSCORES'] as const),
    );
    return new Map(
      words.flatMap((name, at) => (at % 2 === 0 ? [[name, Number(words[at + 1])] as const] : [])),
    );
  };
  for (const queue of queues) {
    const before = await eventually(async () => {
      const ends = await endsOf(queue);
      expect(ends.size).toBe(consumers);
      return ends;
    });
    await eventually(async () => {
      const ends = await endsOf(queue);
      const late = [...before].filter(([name, endMs]) => !((ends.get(name) ?? 0) > endMs));
      expect(late).toEqual([]);
    });
  }
}

describe('a server that is paused', () => {
  test('starts nothing, whatever happens to Redis, and goes on when it is resumed', async () => {
    const scene = await KeyedScene.open(rig, { maxCrashes: 100 });
    const [paused] = await Promise.all([scene.start(), scene.start()]);
    const stopSending = scene.keepSending();
    await scene.goesOn(5);
    await paused.pause();
    const before = startedBy(paused);
    await restartRedis();
    await eventually(async () =>
      expect(await paused.health()).toMatchObject({ status: 'up', isPaused: true }),
    );
    await untilRenewed(2, scene.stage.queue);
    await scene.goesOn(20);
    expect(startedBy(paused)).toEqual(before);
    await paused.resume();
    await eventually(() => expect(startedBy(paused).length).toBeGreaterThan(before.length));
    await stopSending();
    await scene.expectKept();
    await scene.expectAllPlaces();
  });

  test('leaves what it ran to others when it is killed, and ends in order at SIGTERM', async () => {
    const scene = await KeyedScene.open(rig, { maxCrashes: 100 });
    await Promise.all([scene.start(), scene.start()]);
    const victim = await holderOf(scene, PAUSED);
    const other = scene.consumers.find((one) => one !== victim)!;
    await Promise.all([victim.pause(), other.pause()]);
    const sending = scene.sendEach(3);
    const started = scene.stage.entries().length;
    await scene.dismiss(victim).kill();
    // The other one takes it back, and leaves it to those that are not paused.
    await eventually(async () => expect((await scene.stage.dump()).suspects).toHaveLength(1));
    await untilRenewed(1, scene.stage.queue);
    expect(scene.stage.entries()).toHaveLength(started);

    const third = await scene.start();
    await stop(scene.dismiss(other));
    await eventually(() => expect(startedBy(third)).toContain(`${PAUSED}-1`));
    third.letGoOnce();
    await sending;
    await scene.expectKept();
    await scene.expectAllPlaces();
  });
});

describe('queues that are paused', () => {
  test('start nothing, whatever happens to processes and Redis, and go on when they are resumed', async () => {
    const scene = await KeyedScene.open(rig, { maxCrashes: 100 });
    const { admin, stage } = scene;
    await Promise.all([scene.start(), scene.start()]);
    const stopSending = scene.keepSending(OTHERS);
    const victim = await holderOf(scene, PAUSED);
    expect(await admin.pauseAll()).toEqual([stage.queue]);
    await eventually(async () => {
      const dump = await stage.dump();
      const waiting = waitingIn(dump).length + dump.inLanes + dump.delayed.length;
      expect(heldIn(dump)).toBe(1);
      expect(waiting).toBeGreaterThanOrEqual(MAX_LENGTH); // what comes back may exceed the bound
    });
    const started = stage.ledger.idsOf('start');

    await scene.dismiss(victim).kill();
    await eventually(async () => expect((await stage.dump()).suspects).toHaveLength(1));
    await scene.start();
    await restartRedis();
    await stop(scene.dismiss(scene.consumers[0]));
    await scene.start();
    await untilRenewed(2, stage.queue);
    expect(stage.ledger.idsOf('start')).toEqual(started);
    expect(await eventually(() => admin.lengths(stage.queue))).toMatchObject({ isPaused: true });

    expect(await admin.resumeAll()).toEqual([stage.queue]);
    await eventually(() => {
      for (const consumer of scene.consumers) consumer.letGoOnce();
      expect(stage.ledger.idsOf('end')).toContain(`${PAUSED}-1`);
    }, WITHIN_MS);
    await stopSending();
    await scene.expectKept();
    await scene.expectAllPlaces();
  });

  test('of one group leave other queues at work, and lose no event', async () => {
    const stage = await FaultStage.open(rig);
    const { prefix, redis } = rig;
    const admin = rig.closeLater(new RedisQueueAdmin({ connection: redis.url, prefix }));
    const group = { name: 'billing', pattern: 'order.placed' };
    const queue = `@${group.name}/${group.pattern}`;
    const start = () =>
      stage.startConsumer({ concurrency: 3, maxCrashes: 100 }, undefined, { group });
    const [victim, other] = await Promise.all([start(), start()]);
    const emit = async (key: string, place: number): Promise<void> => {
      const message = { id: `${key}-${place}`, key, priority: place % 10, workMs: WORK_MS };
      // Right after a restart, the client may not be connected yet.
      await eventually(async () =>
        expect(await stage.emit(group.pattern, message)).toBe('confirmed'),
      );
    };
    const emitAll = async (from: number, to: number): Promise<void> => {
      for (let place = from; place <= to; place += 1)
        await Promise.all(KEYS.map((key) => emit(key, place)));
    };
    await emitAll(1, 5);
    await eventually(() => expect(startedBy(victim).length).toBeGreaterThan(0));
    expect(await admin.pauseAll({ group: group.name })).toEqual([queue]);
    await emitAll(6, 10);
    await eventually(async () =>
      expect(heldIn(await dumpQueue(rig.commands, prefix, queue))).toBe(0),
    );
    const started = stage.ledger.idsOf('start');

    await victim.kill();
    await restartRedis();
    await start();
    await stop(other);
    await emitAll(11, 12);
    await untilRenewed(1, queue);
    expect(stage.ledger.idsOf('start')).toEqual(started);
    await stage.send({ id: 'passes-1' });
    await eventually(() => expect(stage.ledger.idsOf('end')).toContain('passes-1'));

    expect(await admin.resumeAll({ group: group.name })).toEqual([queue]);
    await eventually(async () => {
      expect(stage.ledger.isAllHome(await dumpQueue(rig.commands, prefix, queue))).toBe(true);
    }, WITHIN_MS);
    expect(disorder(stage.entries(), WORK_MS, new Set([victim.pid]))).toEqual([]);
    expect(stage.ledger.sent('confirmed')).toHaveLength(12 * KEYS.length + 1);
  });
});

describe('a key that is paused', () => {
  test('waits, whatever happens to processes and Redis, while others pass, and goes on in order', async () => {
    const scene = await KeyedScene.open(rig, { maxCrashes: 100 });
    const { admin, stage } = scene;
    await Promise.all([scene.start(), scene.start()]);
    const startsOfKey = (): string[] =>
      stage.ledger.idsOf('start').filter((id) => id.startsWith(`${PAUSED}-`));
    const victim = await holderOf(scene, PAUSED);
    await scene.sendEach(2, [PAUSED]);
    await admin.pause(stage.queue, { key: PAUSED });
    await scene.sendEach(2, OTHERS);

    // What is out goes on, even if its process dies.
    await scene.dismiss(victim).kill();
    await scene.start();
    await eventually(() => expect(startsOfKey()).toHaveLength(2), WITHIN_MS);
    for (const consumer of scene.consumers) consumer.letGoOnce();
    await restartRedis();
    await scene.sendEach(2, OTHERS);
    await stop(scene.dismiss());
    await scene.start();
    await scene.sendEach(2, OTHERS);
    await eventually(async () =>
      expect(await admin.lanes(stage.queue)).toMatchObject([
        { key: PAUSED, isPaused: true, out: 0, waiting: 2 },
      ]),
    );
    await untilRenewed(2, stage.queue);
    expect(startsOfKey()).toEqual([`${PAUSED}-1`, `${PAUSED}-1`]);

    await admin.resume(stage.queue, { key: PAUSED });
    await scene.expectKept();
    expect(startsOfKey().slice(2)).toEqual([`${PAUSED}-2`, `${PAUSED}-2`, `${PAUSED}-3`]);
    await scene.expectAllPlaces();
  });
});
