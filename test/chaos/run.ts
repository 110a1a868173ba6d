import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { historyIds } from '../support/history-dump.js';
import { JournalWriter, machineMs, readJournal } from '../support/journal.js';
import { dumpQueue, type QueueDump } from '../support/queue-dump.js';
import { randomNumbers } from '../support/seed.js';
import { SteppedClock } from '../support/stepped-clock.js';
import { chooseFault, type ChaosWorld } from './faults.js';
import { JournalTail } from './journal-tail.js';
import { LaneCounts } from './lane-counts.js';
import { KeysOfOthers } from './keys-of-others.js';
import { placesTaken } from './places.js';
import { Replica } from './replica.js';
import type { Recovery } from './report.js';
import type { KeyedVerb, RunRecord, Strike } from './run-record.js';
import { atRest, deafTo, litteredQueues } from './rest.js';
import { RedisWithSentinels } from './servers/redis-with-sentinels.js';
import type { ChaosServers } from './servers/servers.js';
import { SingleRedis } from './servers/single-redis.js';
import {
  BULK,
  GROUPS,
  LATE_GROUP,
  LEASE_MS,
  OF_KEYS,
  PARTNER,
  PLACED,
  PREFIX,
  WORK,
  queueOfGroup,
} from './settings.js';
import { Switches } from './switches.js';

/** The groups that each consumer serves. The last consumer starts when there are events already. */
const SERVED: readonly (readonly string[])[] = [
  ['billing', 'mail'],
  ['billing'],
  ['mail', LATE_GROUP],
];
const PRODUCERS = 2;
/** How long events are emitted before the late group begins. */
const HEAD_START_MS = 3_000;
/** How long they are emitted once nothing is broken any more, so every live listener has something to hear. */
const LAST_WORDS_MS = 2_000;
/** How long live listeners may take to catch up once nothing is held any more. */
const HEAR_WITHIN_MS = 30_000;
/** If messages wait and nothing moves for this long, although nothing is broken, the run is wedged. */
const REST_WITHIN_MS = 120_000;

/** The Redis of a run, by the name that the option `--redis` has for it. */
export const SERVERS = { single: SingleRedis, sentinel: RedisWithSentinels } as const;

export interface ChaosOptions {
  readonly redis: keyof typeof SERVERS;
  readonly minutes: number;
  readonly seed: number;
  readonly directory: string;
}

export interface ChaosRun {
  readonly record: RunRecord;
  readonly recoveries: readonly Recovery[];
  /** A line for the report if something no longer moves. */
  readonly wedge: string | undefined;
}

export async function runChaos({
  redis,
  minutes,
  seed,
  directory,
}: ChaosOptions): Promise<ChaosRun> {
  const clock = await SteppedClock.make();
  const servers: ChaosServers = await SERVERS[redis].start({
    settings: { appendonly: 'yes', appendfsync: 'always' },
    environment: clock?.environment ?? {},
  });
  const replica = async (
    program: 'consumer' | 'producer',
    index: number,
    groups: readonly string[],
  ): Promise<Replica> => {
    // The first of each kind reaches Redis directly, since a proxy hides some faults of real sockets.
    const way = index === 0 ? undefined : await servers.openWay();
    return new Replica({
      program,
      directory,
      way,
      name: `${program}-${index + 1}`,
      seed: seed + 1_000 * index,
      connection: servers.connection,
      prefix: PREFIX,
      leaseMs: LEASE_MS,
      groups,
    });
  };
  const consumers = await Promise.all(
    SERVED.map((groups, index) => replica('consumer', index, groups)),
  );
  const producers = await Promise.all(
    Array.from({ length: PRODUCERS }, (_, index) => replica('producer', index, [])),
  );
  const all = [...consumers, ...producers];
  const random = randomNumbers(seed);
  const journal = join(directory, 'run.journal');
  const world: ChaosWorld = {
    servers,
    get commands() {
      return servers.commands;
    },
    consumers,
    producers,
    random,
    switches: new Switches(directory),
    journal: new JournalWriter(journal),
    clock,
    clockSteps: [],
    forged: 0,
    garbage: 0,
  };
  const others = new KeysOfOthers(servers);
  const admin = new RedisQueueAdmin({ connection: servers.connection, prefix: PREFIX });
  try {
    await others.put();
    const isLate = (one: Replica): boolean => one.serves(LATE_GROUP);
    await Promise.all(all.filter((one) => !isLate(one)).map((one) => one.start()));
    await pause(HEAD_START_MS);
    await Promise.all(all.filter(isLate).map((one) => one.start()));
    const counts = new LaneCounts(admin);
    const { strikes, recoveries, isWedged } = await strikeFor(minutes * 60_000, world, counts);
    await pause(LAST_WORDS_MS);
    await Promise.all(producers.map((producer) => producer.finish()));
    const taken = (await comesToRest(servers)) ? await placesTaken(world) : [];
    const isAtRest = await comesToRest(servers);
    await counts.look();
    const { commands } = servers; // nothing breaks any more
    const dump = await dumpQueue(commands, PREFIX, WORK);
    const history = await historyIds(commands, PREFIX, PLACED);
    const deaf = await whoStaysDeaf(history.at(-1), consumers);
    await Promise.all(consumers.map((consumer) => consumer.terminate()));
    const record: RunRecord = {
      entries: [...all.flatMap(({ journals }) => journals), journal].flatMap(readJournal),
      dump,
      bulk: await dumpQueue(commands, PREFIX, BULK),
      partner: await dumpQueue(commands, PREFIX, PARTNER),
      keyed: await dumpKeyed(commands),
      groups: await dumpGroups(commands),
      history,
      deaf,
      taken,
      touched: await others.touched(),
      miscounted: counts.wrong,
      littered: await litteredQueues(servers),
      clockSteps: world.clockSteps,
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
        await one.closeWay();
      }),
    );
    await admin.close();
    await servers.stop();
    clock?.close();
  }
}

interface Strikes {
  readonly strikes: readonly Strike[];
  readonly recoveries: readonly Recovery[];
  readonly isWedged: boolean;
}

async function strikeFor(ms: number, world: ChaosWorld, counts: LaneCounts): Promise<Strikes> {
  const strikes: Strike[] = [];
  const recoveries: Recovery[] = [];
  const tail = new JournalTail(() => world.consumers.flatMap(({ journals }) => journals));
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await pause(500 + world.random() * 3_000);
    const { name: fault, strike } = chooseFault(world);
    const fromMs = machineMs();
    const target = await strike(world);
    strikes.push({ fault, target, fromMs, untilMs: machineMs() });
    const recoveryMs = await recovery(tail);
    if (recoveryMs === undefined) return { strikes, recoveries, isWedged: true };
    recoveries.push({ fault, recoveryMs });
    await counts.look();
    const left = Math.max(0, Math.round((end - performance.now()) / 1_000));
    console.log(`${left} s left: ${fault} (${target}), moving again after ${recoveryMs} ms`);
  }
  return { strikes, recoveries, isWedged: false };
}

/** Time in ms until the next handler ends, by the consumers' journals; undefined if none does. */
async function recovery(tail: JournalTail): Promise<number | undefined> {
  const since = performance.now();
  tail.skip();
  while (!tail.hasNew('end')) {
    if (performance.now() - since > REST_WITHIN_MS) return undefined;
    await pause(5);
  }
  return Math.round(performance.now() - since);
}

async function comesToRest(servers: ChaosServers): Promise<boolean> {
  const since = performance.now();
  while (performance.now() - since < REST_WITHIN_MS) {
    if (await atRest(servers.commands)) return true;
    await pause(200);
  }
  return false;
}

async function dumpKeyed(commands: Redis): Promise<Map<KeyedVerb, QueueDump>> {
  const dumps = new Map<KeyedVerb, QueueDump>();
  for (const [verb, queue] of Object.entries(OF_KEYS) as [KeyedVerb, string][])
    dumps.set(verb, await dumpQueue(commands, PREFIX, queue));
  return dumps;
}

async function dumpGroups(commands: Redis): Promise<Map<string, QueueDump>> {
  const dumps = new Map<string, QueueDump>();
  for (const group of GROUPS)
    dumps.set(group, await dumpQueue(commands, PREFIX, queueOfGroup(group)));
  return dumps;
}

/** The names of the consumers that do not hear the last event in time. */
async function whoStaysDeaf(
  last: string | undefined,
  consumers: readonly Replica[],
): Promise<string[]> {
  if (last === undefined) return [];
  const since = performance.now();
  for (;;) {
    const deaf = deafTo(last, consumers);
    if (deaf.length === 0 || performance.now() - since > HEAR_WITHIN_MS) return deaf;
    await pause(500);
  }
}
