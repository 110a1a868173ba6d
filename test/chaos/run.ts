import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import { machineMs, readJournal } from '../support/journal.js';
import { Proxy } from '../support/proxy.js';
import { dumpQueue, heldIn } from '../support/queue-dump.js';
import { randomNumbers } from '../support/seed.js';
import { chooseFault, type ChaosWorld } from './faults.js';
import { JournalTail } from './journal-tail.js';
import { Replica } from './replica.js';
import type { Recovery } from './report.js';
import type { RunRecord, Strike } from './run-record.js';
import { LEASE_MS, PREFIX, WORK } from './settings.js';

const CONSUMERS = 3;
const PRODUCERS = 2;
/** A wedge: messages wait and nothing moves for so long, with nothing broken any more. */
const REST_WITHIN_MS = 120_000;

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly directory: string;
}

export interface ChaosRun {
  readonly record: RunRecord;
  readonly recoveries: readonly Recovery[];
  /** What does not move any more, in words. */
  readonly wedge: string | undefined;
}

export async function runChaos({ minutes, seed, directory }: ChaosOptions): Promise<ChaosRun> {
  const redis = await startRedis({ settings: { appendonly: 'yes', appendfsync: 'always' } });
  const commands = new Redis(redis.url);
  commands.on('error', () => undefined); // this Redis is killed on purpose
  const replicas = async (program: 'consumer' | 'producer', count: number): Promise<Replica[]> =>
    Promise.all(
      Array.from({ length: count }, async (_, index) => {
        // The first of each kind has nothing between it and Redis: a proxy forgives what a socket does not.
        const proxy = index === 0 ? undefined : await Proxy.start(redis.port);
        return new Replica({
          program,
          directory,
          proxy,
          name: `${program}-${index + 1}`,
          seed: seed + 1_000 * index,
          redisUrl: redis.url,
          prefix: PREFIX,
          leaseMs: LEASE_MS,
        });
      }),
    );
  const consumers = await replicas('consumer', CONSUMERS);
  const producers = await replicas('producer', PRODUCERS);
  const all = [...consumers, ...producers];
  const random = randomNumbers(seed);
  const world: ChaosWorld = { redis, commands, consumers, producers, random, garbage: 0 };
  try {
    await Promise.all(all.map((one) => one.start()));
    const { strikes, recoveries, isWedged } = await strikeFor(minutes * 60_000, world);
    await Promise.all(producers.map((producer) => producer.finish()));
    const isAtRest = await comesToRest(commands);
    const dump = await dumpQueue(commands, PREFIX, WORK);
    await Promise.all(consumers.map((consumer) => consumer.terminate()));
    const record: RunRecord = {
      entries: all.flatMap(({ journals }) => journals.flatMap(readJournal)),
      dump,
      strikes,
      lives: all.flatMap(({ lives }) => lives),
      garbage: world.garbage,
      hung: producers.flatMap(({ hung }) => hung),
    };
    const wedge = isWedged
      ? `wedged: no handler ended for ${REST_WITHIN_MS} ms`
      : `wedged: no rest within ${REST_WITHIN_MS} ms`;
    return { record, recoveries, wedge: isWedged || !isAtRest ? wedge : undefined };
  } finally {
    await Promise.allSettled(
      all.map(async (one) => {
        await one.kill();
        await one.proxy?.close();
      }),
    );
    commands.disconnect();
    await redis.stop();
  }
}

interface Strikes {
  readonly strikes: readonly Strike[];
  readonly recoveries: readonly Recovery[];
  readonly isWedged: boolean;
}

async function strikeFor(ms: number, world: ChaosWorld): Promise<Strikes> {
  const strikes: Strike[] = [];
  const recoveries: Recovery[] = [];
  const tail = new JournalTail(() => world.consumers.flatMap(({ journals }) => journals));
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await pause(500 + world.random() * 3_000);
    const { name: fault, strike } = chooseFault(world.random);
    const fromMs = machineMs();
    const target = await strike(world);
    strikes.push({ fault, target, fromMs, untilMs: machineMs() });
    const recoveryMs = await recovery(tail);
    if (recoveryMs === undefined) return { strikes, recoveries, isWedged: true };
    recoveries.push({ fault, recoveryMs });
    const left = Math.max(0, Math.round((end - performance.now()) / 1_000));
    console.log(`${left} s left: ${fault} (${target}), moving again after ${recoveryMs} ms`);
  }
  return { strikes, recoveries, isWedged: false };
}

/** Time until the next handler ends, by the consumers' journals; undefined when none does. */
async function recovery(tail: JournalTail): Promise<number | undefined> {
  const since = performance.now();
  tail.skip();
  while (!tail.hasNew('end')) {
    if (performance.now() - since > REST_WITHIN_MS) return undefined;
    await pause(5);
  }
  return Math.round(performance.now() - since);
}

async function comesToRest(commands: Redis): Promise<boolean> {
  const since = performance.now();
  while (performance.now() - since < REST_WITHIN_MS) {
    const dump = await dumpQueue(commands, PREFIX, WORK);
    if (dump.waiting.length + dump.delayed.length + heldIn(dump) === 0) return true;
    await pause(200);
  }
  return false;
}
