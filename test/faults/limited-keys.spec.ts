import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { expectTrueCounts } from '../contract/counted-keys.js';
import type {
  ConsumerProcess,
  ConsumerSettings,
  TestMessage,
} from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import type { JournalEntry } from '../support/journal.js';
import { Proxy } from '../support/proxy.js';
import { redisRig } from '../support/redis-rig.js';
import { isExchange } from './commands.js';
import { disorder } from './disorder.js';
import { FaultStage, LEASE_MS } from './fault-stage.js';

const rig = redisRig({
  settings: { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' },
});

jest.setTimeout(180_000);

const RUNNING = 3;
const MAX_LENGTH = 4;
const KEYS = 6;
const EACH = 10;
const WORK_MS = 8;
/** Longer than any fault. */
const ROOM_WITHIN_MS = 60_000;
const WITHIN_MS = 60_000;
const HOUR_MS = 3_600_000;

/** What a fault may strike. */
interface Scene {
  readonly stage: FaultStage;
  /** The first one reaches Redis through the proxy. */
  readonly consumers: ConsumerProcess[];
  readonly proxy: Proxy;
  readonly start: (
    more?: Pick<ConsumerSettings, 'clockAheadMs'>,
    url?: string,
  ) => Promise<ConsumerProcess>;
}

function message(key: string, place: number): TestMessage {
  return { id: `${key}-${place}`, key, workMs: WORK_MS, waitForRoomMs: ROOM_WITHIN_MS };
}

async function hasLost(consumer: ConsumerProcess): Promise<void> {
  await eventually(() => expect(consumer.output).toContain('Lost the lease'), WITHIN_MS);
}

const FAULTS: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  'kill -9 of a consumer': async ({ consumers, start }) => {
    await consumers.pop()?.kill();
    consumers.push(await start());
  },
  'lost calls of a consumer, in each gap': async ({ proxy }) => {
    for (let round = 0; round < 3; round += 1) {
      await proxy.dropReply(isExchange).happened;
      await proxy.dropRequest(isExchange).happened;
    }
  },
  'kill -9 of Redis': async () => {
    await rig.redis.kill();
    await rig.redis.restart();
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
  'a Redis that is full': async ({ stage }) => {
    await rig.commands.config('SET', 'maxmemory', '1');
    // What is there is handled, and refused calls have ended.
    await eventually(async () => {
      const { lanes, waiting } = await stage.dump();
      expect([waiting.length, lanes.size]).toEqual([0, 0]);
    }, WITHIN_MS);
    await rig.commands.config('SET', 'maxmemory', '0');
  },
  'a handler that blocks its process past the lease': async ({ consumers, stage }) => {
    await stage.send({ ...message('blocks', 1), blocksMs: 3 * LEASE_MS });
    await eventually(() => {
      const lost = consumers.filter(({ output }) => output.includes('Lost the lease'));
      expect(lost).toHaveLength(1);
    }, WITHIN_MS);
  },
  'a process whose clock is wrong and jumps': async ({ consumers, start }) => {
    consumers.push(await start({ clockAheadMs: [HOUR_MS, -HOUR_MS, 0] }));
  },
  'elements of others in its list': async ({ stage }) => {
    const waiting = `${rig.prefix}:{${stage.queue}}:waiting`;
    const forged = [
      '',
      'garbage',
      '{"rq":1,"attempt":9,"key":"other","id":"x',
      '{"rq":1,"key":"other","id":}\n{}',
    ];
    await rig.commands.rpush(waiting, ...forged);
    await eventually(async () => expect((await stage.dump()).dead).toHaveLength(forged.length));
    await rig.commands.del(`${rig.prefix}:{${stage.queue}}:dead`);
  },
  'a message that kills its process': async ({ consumers, stage, start }) => {
    await stage.send({ ...message('poison', 1), kills: true });
    for (let kill = 0; kill < 2; kill += 1) {
      await eventually(
        () => expect(consumers.some(({ hasEnded }) => hasEnded)).toBe(true),
        WITHIN_MS,
      );
      consumers.splice(
        consumers.findIndex(({ hasEnded }) => hasEnded),
        1,
        await start(),
      );
    }
  },
  'SIGTERM of a consumer': async ({ consumers, start }) => {
    const stopped = consumers.pop();
    stopped?.signal('SIGTERM');
    await stopped?.ended();
    consumers.push(await start());
  },
  'a Redis that is read-only for a while': async () => {
    await rig.commands.replicaof('127.0.0.1', 1);
    await pause(LEASE_MS / 2);
    await rig.commands.replicaof('NO', 'ONE');
  },
};

/** One after the other, so that their order is known. Those that are refused, or of unknown outcome, are left behind. */
async function sendKey(stage: FaultStage, key: string): Promise<void> {
  for (let place = 1; place <= EACH; place += 1) {
    await stage.send(message(key, place));
  }
}

/** The processes that have ended, or lost a lease: what these ran does not count. */
function gone({ consumers, stage }: Scene): ReadonlySet<number> {
  const isGone = (one: ConsumerProcess): boolean =>
    !consumers.includes(one) || one.output.includes('Lost the lease');
  return new Set(
    stage.processes.filter(isGone).flatMap((one) => one.journal.map(({ pid }) => pid)),
  );
}

/** The most that ran at once, but for those of processes that are gone. */
function mostAtOnce(entries: readonly JournalEntry[], without: ReadonlySet<number>): number {
  const running = new Set<string>();
  let most = 0;
  for (const { event, id, pid } of entries) {
    if (without.has(pid)) continue;
    if (event === 'start') running.add(id);
    else if (event === 'end') running.delete(id);
    most = Math.max(most, running.size);
  }
  return most;
}

describe('a queue with keys, a limit and a bound', () => {
  test.each(Object.entries(FAULTS))('keeps them through %s', async (_name, strike) => {
    const stage = await FaultStage.open(rig);
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const terms = { limit: { running: RUNNING }, maxLength: MAX_LENGTH };
    const start: Scene['start'] = (more = {}, url = rig.redis.url) =>
      stage.startConsumer({ concurrency: RUNNING, maxCrashes: 2 }, url, { ...terms, ...more });
    const consumers = await Promise.all([start({}, proxy.url), start()]);
    const scene: Scene = { stage, consumers, proxy, start };
    const keys = Array.from({ length: KEYS }, (_, index) => `k${index}`);
    const sending = Promise.all(keys.map((key) => sendKey(stage, key)));
    await eventually(() => expect(stage.ledger.idsOf('end').length).toBeGreaterThan(5), WITHIN_MS);

    await strike(scene);
    await sending;
    await stage.untilAllHome(WITHIN_MS);

    const without = gone(scene);
    expect(disorder(stage.entries(), WORK_MS, without)).toEqual([]);
    expect(mostAtOnce(stage.entries(), without)).toBeLessThanOrEqual(RUNNING);
    const dump = await stage.dump();
    expectTrueCounts(dump);
    expect([dump.lanes.size, dump.out.size]).toEqual([0, 0]);
    // No place was lost: as many run as may, and no more; and the queue has room for as many as it should.
    const held = Array.from({ length: RUNNING + MAX_LENGTH + 1 }, (_, index) => `held ${index}`);
    const results = [];
    for (const id of held) {
      results.push(...(await stage.send({ id, holds: true })));
      const starts = (): string[] =>
        stage.ledger.idsOf('start').filter((one) => held.includes(one));
      const many = Math.min(RUNNING, results.length);
      await eventually(() => expect(starts()).toHaveLength(many), WITHIN_MS);
    }
    expect(results.slice(0, -1)).toEqual(Array(RUNNING + MAX_LENGTH).fill('confirmed'));
    expect(results.at(-1)).toBe('rejected');
    await eventually(() => {
      for (const consumer of consumers) consumer.letGo();
      expect(stage.ledger.idsOf('end')).toContain(`held ${RUNNING + MAX_LENGTH - 1}`);
    }, WITHIN_MS);
    await stage.untilAllHome(WITHIN_MS);
    await stage.balance(KEYS * EACH);
  });
});
