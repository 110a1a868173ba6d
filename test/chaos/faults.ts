import { setTimeout as pause } from 'node:timers/promises';
import type { LocalRedis } from 'local-redis';
import type { Redis } from 'ioredis';
import { LEASE_MS, PREFIX, WORK } from './settings.js';
import type { ChaosProcess } from './chaos-process.js';

/** Where faults happen. */
export interface ChaosWorld {
  readonly redis: LocalRedis;
  /** A connection of the run's own. */
  readonly commands: Redis;
  readonly consumers: readonly ChaosProcess[];
  readonly producers: readonly ChaosProcess[];
  readonly random: () => number;
  /** How many elements of nobody's were pushed by hand. */
  garbage: number;
}

export interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Does it, and undoes it: when it resolves, the world is whole again. */
  readonly strike: (world: ChaosWorld) => Promise<void>;
}

const WAITING = `${PREFIX}:{${WORK}}:waiting`;

export const FAULTS: readonly Fault[] = [
  {
    name: 'consumer killed',
    weight: 5,
    strike: async (world) => {
      const consumer = choose(world.consumers, world.random);
      await consumer.kill();
      await consumer.start();
    },
  },
  {
    name: 'consumer terminated',
    weight: 3,
    strike: async (world) => {
      const consumer = choose(world.consumers, world.random);
      await consumer.terminate();
      await consumer.start();
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
    },
  },
  {
    name: 'producer killed',
    weight: 2,
    strike: async (world) => {
      const producer = choose(world.producers, world.random);
      await producer.kill();
      await producer.start();
    },
  },
  {
    name: 'redis killed',
    weight: 2,
    strike: async ({ redis, random }) => {
      await redis.kill();
      await pause(random() * 3_000);
      await redis.restart();
    },
  },
  {
    name: 'redis stopped',
    weight: 2,
    strike: async ({ redis, random }) => {
      redis.pause();
      await pause(500 + random() * 9_000);
      redis.resume();
    },
  },
  {
    name: 'connections killed',
    weight: 4,
    strike: async ({ commands, random }) => {
      const type = random() < 0.3 ? 'PUBSUB' : 'NORMAL';
      await commands.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
    },
  },
  {
    name: 'scripts flushed',
    weight: 2,
    strike: async ({ commands }) => {
      await commands.script('FLUSH');
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
        'no json',
      ];
      world.garbage += garbage.length;
      await world.commands.rpush(WAITING, ...garbage);
    },
  },
  {
    name: 'half of the consumers killed',
    weight: 1,
    strike: async ({ consumers }) => {
      const half = consumers.slice(0, Math.ceil(consumers.length / 2));
      await Promise.all(half.map((consumer) => consumer.kill()));
      await Promise.all(half.map((consumer) => consumer.start()));
    },
  },
];

export function chooseFault(random: () => number): Fault {
  const total = FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  let dice = random() * total;
  const fault = FAULTS.find(({ weight }) => (dice -= weight) < 0);
  return fault ?? choose(FAULTS, random);
}

function choose<T>(from: readonly T[], random: () => number): T {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new Error('There is nothing to choose from.');
  return chosen;
}
