import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { JournalWriter } from '../support/journal.js';
import { machineMs } from '../support/journal.js';
import { queueKey } from '../support/queue-dump.js';
import type { SteppedClock } from '../support/stepped-clock.js';
import { forgeForList, forgeForQueue, type Forgery, type Loot } from './outsiders.js';
import { GROUPS, LEASE_MS, PARTNER, PARTNER_LIST, PREFIX, QUEUES, WORK } from './settings.js';
import type { Match, PendingFault, Proxy } from '../support/proxy.js';
import type { Replica } from './replica.js';
import type { ClockStep } from './run-record.js';
import type { Between, ChaosServers } from './servers/servers.js';
import type { Switches } from './switches.js';

/** Everything that a fault may act on. */
export interface ChaosWorld {
  readonly servers: ChaosServers;
  /** A connection of the run itself to the server that takes writes now. */
  readonly commands: Redis;
  readonly consumers: readonly Replica[];
  readonly producers: readonly Replica[];
  readonly random: () => number;
  readonly switches: Switches;
  /** The journal of what the run itself sends. */
  readonly journal: JournalWriter;
  /** Redis's clock; undefined if it cannot be set here. */
  readonly clock: SteppedClock | undefined;
  readonly clockSteps: ClockStep[];
  /** How many elements were forged. */
  forged: number;
  /** How many elements that are not messages were pushed. */
  garbage: number;
}

export interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Does it and undoes it: when it resolves, nothing is broken any more. Returns whom it struck. */
  readonly strike: (world: ChaosWorld) => Promise<string>;
}

const WAITING = queueKey(PREFIX, WORK, 'waiting');
const REDIS = 'redis';
const HOUR_MS = 3_600_000;
/** For each place to which outsiders push. */
const FORGED_AT_ONCE = 8;
/** Less and more than a lease, but never so far that Redis forgets ids that are sent again. */
const CLOCK_STEPS_MS = [0.8 * LEASE_MS, 3 * LEASE_MS, -0.8 * LEASE_MS, -3 * LEASE_MS];
const LEASE_STEPS_MS = [...CLOCK_STEPS_MS, HOUR_MS, -HOUR_MS];

/** In one step, as when Redis's clock is set, so a consumer that leaves meanwhile is not entered again. */
const MOVE_LEASES = `
for _, key in ipairs(KEYS) do
  for _, consumer in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    redis.call('ZINCRBY', key, ARGV[1], consumer)
  end
end`;
/** Every process sends something to Redis in each third of its lease. */
const HAPPENS_WITHIN_MS = 30_000;

/** What can happen whatever the servers are. */
const FAULTS: readonly Fault[] = [
  {
    name: 'consumer killed',
    weight: 5,
    strike: async ({ consumers, random }) => {
      const consumer = choose(consumers, random);
      await consumer.kill();
      await consumer.start();
      return consumer.name;
    },
  },
  {
    name: 'consumer terminated',
    weight: 3,
    strike: async ({ consumers, random }) => {
      const consumer = choose(consumers, random);
      await consumer.terminate();
      await consumer.start();
      return consumer.name;
    },
  },
  {
    name: 'consumer stopped past its lease',
    weight: 3,
    strike: async ({ consumers, random }) => {
      const consumer = choose(consumers, random);
      consumer.signal('SIGSTOP');
      await pause(LEASE_MS * (1.2 + random()));
      consumer.signal('SIGCONT');
      return consumer.name;
    },
  },
  {
    name: 'half of the consumers killed',
    weight: 1,
    strike: async ({ consumers }) => {
      const half = consumers.slice(0, Math.ceil(consumers.length / 2));
      await Promise.all(half.map((consumer) => consumer.kill()));
      await Promise.all(half.map((consumer) => consumer.start()));
      return half.map(({ name }) => name).join(', ');
    },
  },
  {
    name: 'group down',
    weight: 5,
    strike: async ({ consumers, random }) => {
      const group = choose(GROUPS, random);
      const replicas = consumers.filter((consumer) => consumer.serves(group));
      await Promise.all(replicas.map((replica) => replica.kill()));
      await pause(random() * 4_000);
      await Promise.all(replicas.map((replica) => replica.start()));
      return group;
    },
  },
  {
    name: 'producer killed',
    weight: 2,
    strike: async ({ producers, random }) => {
      const producer = choose(producers, random);
      await producer.kill();
      await producer.start();
      return producer.name;
    },
  },
  {
    name: 'clock wrong',
    weight: 3,
    strike: async ({ consumers, producers, random }) => {
      const replica = choose([...consumers, ...producers], random);
      await replica.kill();
      // It stays wrong until the next start.
      await replica.start(choose([[HOUR_MS], [-HOUR_MS], [HOUR_MS, -HOUR_MS]], random));
      return replica.name;
    },
  },
  {
    name: 'redis full',
    weight: 2,
    strike: async ({ commands, random }) => {
      // Less than any Redis uses, so it stays full no matter how much the consumers free.
      await commands.config('SET', 'maxmemory', '1');
      await pause(500 + random() * 4_000);
      await commands.config('SET', 'maxmemory', '0');
      return REDIS;
    },
  },
  {
    name: 'connections killed',
    weight: 4,
    strike: async ({ commands, random }) => {
      const type = random() < 0.3 ? 'PUBSUB' : 'NORMAL';
      await commands.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
      return type;
    },
  },
  {
    name: 'scripts flushed',
    weight: 2,
    strike: async ({ commands }) => {
      await commands.script('FLUSH');
      return REDIS;
    },
  },
  {
    name: 'garbage pushed',
    weight: 2,
    strike: async (world) => {
      const garbage = [
        '',
        '{"rq":1,',
        '{"rq":7,"id":"x"}\n{}',
        Buffer.from([0xff, 0xfe, 0x00]),
        'not json',
      ];
      world.garbage += garbage.length;
      await world.commands.rpush(WAITING, ...garbage);
      return REDIS;
    },
  },
  {
    name: 'elements forged',
    weight: 4,
    strike: async (world) => {
      for (let count = 0; count < FORGED_AT_ONCE; count += 1) {
        await forge(world, 'enqueue', WAITING, forgeForQueue);
        await forge(world, 'push', PARTNER_LIST, forgeForList);
      }
      return REDIS;
    },
  },
  {
    name: 'lease ends moved',
    weight: 3,
    strike: async ({ commands, consumers, random }) => {
      const keys = QUEUES.map((queue) => queueKey(PREFIX, queue, 'consumers'));
      const byMs = choose(LEASE_STEPS_MS, random);
      const victim = random() < 0.5 ? choose(consumers, random) : undefined;
      await victim?.kill();
      await commands.eval(MOVE_LEASES, keys.length, ...keys, byMs);
      await victim?.start();
      return `by ${byMs} ms${victim === undefined ? '' : `, ${victim.name} killed`}`;
    },
  },
  {
    name: 'clock of redis set',
    weight: 3,
    strike: async ({ clock, clockSteps, random }) => {
      if (clock === undefined) return 'impossible here';
      const byMs = choose(CLOCK_STEPS_MS, random);
      for (const ms of [byMs, -byMs]) {
        clockSteps.push({ atMs: machineMs(), byMs: ms });
        clock.step(ms);
        await pause(LEASE_MS * 2 * random());
      }
      return `by ${byMs} ms`;
    },
  },
  {
    name: 'database of handlers away',
    weight: 3,
    strike: async ({ switches, random }) => {
      switches.turnOn('databaseAway');
      await pause(1_000 + random() * 2_000);
      switches.turnOff('databaseAway');
      return 'handlers';
    },
  },
  inBetween('request dropped', 3, ({ proxy, random }) => some(proxy, 'dropRequest', random)),
  inBetween('reply dropped', 4, ({ proxy, random }) => some(proxy, 'dropReply', random)),
  inBetween('reply cut in the middle', 3, ({ proxy, random }) => some(proxy, 'cutReply', random)),
  inBetween('connections half-open', 2, async ({ proxy, random }) => {
    proxy.goSilent();
    await pause(random() * 8_000);
  }),
  inBetween('network slow', 2, async ({ proxy, random }) => {
    proxy.slowDown(10 + random() * 200);
    await pause(1_000 + random() * 5_000);
    proxy.slowDown(0);
  }),
  inBetween('link slow', 3, async ({ network, random }) => {
    network.bytesPerSecond = 100_000 + random() * 900_000;
    await pause(1_000 + random() * 5_000);
    network.bytesPerSecond = Infinity;
  }),
  inBetween('network gone', 2, async ({ proxy, random }) => {
    proxy.refuse(true);
    proxy.cut();
    await pause(random() * 6_000);
    proxy.refuse(false);
  }),
];

export function chooseFault({ random, servers }: ChaosWorld): Fault {
  const faults = [...FAULTS, ...servers.faults];
  const total = faults.reduce((sum, { weight }) => sum + weight, 0);
  let dice = random() * total;
  const fault = faults.find(({ weight }) => (dice -= weight) < 0);
  return fault ?? choose(faults, random);
}

/** A fault in what lies between one process and Redis. */
function inBetween(
  name: string,
  weight: number,
  strike: (at: Between & { readonly random: () => number }) => Promise<void>,
): Fault {
  return {
    name,
    weight,
    strike: async ({ consumers, producers, random }) => {
      const replicas = [...consumers, ...producers].filter((one) => one.between !== undefined);
      const struck = choose(replicas, random);
      if (struck.between !== undefined) await strike({ ...struck.between, random });
      return struck.name;
    },
  };
}

/** Pushes one forged element, and notes its fate. */
async function forge(
  world: ChaosWorld,
  verb: 'enqueue' | 'push',
  key: string,
  make: (id: string, loot: Loot) => Forgery,
): Promise<void> {
  const { commands, journal } = world;
  world.forged += 1;
  const id = `forged-${world.forged}`;
  const { element, fate, isLate } = make(id, await lootFor(world));
  const expiresInMs = isLate === true ? 0 : undefined;
  journal.write({ event: 'sent', verb, id, reason: fate, expiresInMs });
  await commands.rpush(key, element);
  journal.write({ event: 'confirmed', verb, id });
}

/** The names come from messages that wait or are dead: after a while, there is always one. */
async function lootFor({ commands, random }: ChaosWorld): Promise<Loot> {
  const queue = choose([WORK, PARTNER], random);
  const [, bodies] = await commands.hscan(queueKey(PREFIX, queue, 'parked'), 0, 'COUNT', 10);
  return {
    random,
    messageId: `producer-1.1-${Math.ceil(random() * 100)}`,
    bodyName: bodies[0] ?? 'none',
  };
}

/** The same fault for one to five commands, each chosen among the next ones. */
async function some(
  proxy: Proxy,
  how: 'dropRequest' | 'dropReply' | 'cutReply',
  random: () => number,
): Promise<void> {
  for (let times = 1 + Math.floor(random() * 5); times > 0; times -= 1) {
    let left = Math.floor(random() * 30);
    const match: Match = () => (left -= 1) < 0;
    await happens(proxy[how](match));
  }
}

async function happens({ happened }: PendingFault): Promise<void> {
  const over = new AbortController();
  const deadline = pause(HAPPENS_WITHIN_MS, 'late', { signal: over.signal }).catch(() => 'over');
  if ((await Promise.race([happened, deadline])) === 'late')
    throw new Error('A process has sent nothing to Redis for too long.');
  over.abort();
}

function choose<T>(from: readonly T[], random: () => number): T {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new Error('There is nothing to choose from.');
  return chosen;
}
