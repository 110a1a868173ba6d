import { expect, jest, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { expectTrueCounts } from '../contract/counted-keys.js';
import type { TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { disorder } from './disorder.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig();

jest.setTimeout(90_000);

const WORK_MS = 5;
const RETRY = { attempts: 5, backoff: 'fixed', delayMs: 100 } as const;
const KEYS = 10;
const EACH = 30;

const MESSAGES = Array.from({ length: KEYS * EACH }, (_, index): TestMessage => {
  const key = `k${index % KEYS}`;
  return {
    id: `${key}-${Math.floor(index / KEYS) + 1}`,
    key,
    workMs: WORK_MS,
    failsFirst: (index * 7) % 5 === 0,
    isUseless: index % 23 === 11,
  };
});

/** Repairs again and again until told to stop. Returns how many times, and everything that was ever found wrong. */
function repairing(admin: RedisQueueAdmin, queue: string): () => Promise<[number, unknown[]]> {
  let isStopped = false;
  const wrong: unknown[] = [];
  const work = (async (): Promise<number> => {
    let times = 0;
    for (; !isStopped; times += 1) {
      const found = await admin.repairLanes(queue);
      const { counted, there } = found.inLanes;
      wrong.push(...found.wrong, ...(counted === there ? [] : [found.inLanes]));
    }
    return times;
  })();
  return async () => {
    isStopped = true;
    return [await work, wrong];
  };
}

test('a repair while consumers and senders work, crash and retry finds nothing and changes nothing', async () => {
  const stage = await FaultStage.open(rig);
  const { prefix, redis } = rig;
  const admin = rig.closeLater(new RedisQueueAdmin({ connection: redis.url, prefix }));
  const start = () => stage.startConsumer({ concurrency: 5, retry: RETRY });
  const victim = await start();
  await start();
  const stop = repairing(admin, stage.queue);
  await stage.send(...MESSAGES.slice(0, 100));
  await eventually(() => expect(stage.ledger.idsOf('end').length).toBeGreaterThan(15));
  await victim.kill();
  await stage.send(...MESSAGES.slice(100));
  await start();
  await stage.untilAllHome(60_000);
  const [times, wrong] = await stop();

  expect(wrong).toEqual([]);
  expect(times).toBeGreaterThan(20);
  const killed = new Set(victim.journal.map(({ pid }) => pid));
  expect(disorder(stage.entries(), WORK_MS, killed)).toEqual([]);
  await stage.balance(MESSAGES.length);
  const dump = await stage.dump();
  expectTrueCounts(dump);
  expect([dump.lanes.size, dump.out.size]).toEqual([0, 0]);
});

test('keys that wait for what was deleted go on after a repair, in order, while others work', async () => {
  const stage = await FaultStage.open(rig);
  const { commands, prefix, redis } = rig;
  const admin = rig.closeLater(new RedisQueueAdmin({ connection: redis.url, prefix }));
  await commands.hset(`${prefix}:{${stage.queue}}:lanes`, { k0: 1, k1: 2, k2: 1 });
  await stage.startConsumer({ concurrency: 5, retry: RETRY });
  await stage.startConsumer({ concurrency: 5, retry: RETRY });
  await stage.send(...MESSAGES);
  await eventually(() => expect(stage.ledger.idsOf('end').length).toBeGreaterThan(15));
  const isOfStuck = (id: string): boolean => /^k[012]-/.test(id);
  expect(stage.ledger.idsOf('end').filter(isOfStuck)).toEqual([]);

  const { wrong } = await admin.repairLanes(stage.queue);

  expect(wrong.map(({ key }) => key).toSorted()).toEqual(['k0', 'k1', 'k2']);
  await stage.untilAllHome(60_000);
  expect(disorder(stage.entries(), WORK_MS)).toEqual([]);
  await stage.balance(MESSAGES.length);
  const dump = await stage.dump();
  expectTrueCounts(dump);
  expect([dump.lanes.size, dump.out.size]).toEqual([0, 0]);
});
