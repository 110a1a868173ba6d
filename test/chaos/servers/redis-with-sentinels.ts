import { setTimeout as pause } from 'node:timers/promises';
import type { Redis, RedisOptions } from 'ioredis';
import type { StartRedisOptions } from 'local-redis';
import { eventually } from '../../support/eventually.js';
import {
  askSentinel,
  ReplicatedRedis,
  type ReplicatedServer,
  SENTINEL_NAME,
} from '../../support/replicated-redis.js';
import { closeBetween, startBetween } from './between.js';
import type { Between, ChaosServers, ServerFault, Way } from './servers.js';

/** Longer than a busy machine holds up a server: a failover that nobody asked for would lose what was on its way. */
const DOWN_AFTER_MS = 5_000;
/** Longer than any fault takes. */
const NO_WRITES_MS = 120_000;

/**
 * A primary, two replicas and three Sentinels. Before a failover, writes are held up until the replicas have everything:
 * so each one is lossless, whatever it does to connections and calls, and the verdict is as strict as for one server. What
 * failovers lose is the matter of `test/faults/failover*`.
 */
export class RedisWithSentinels implements ChaosServers {
  readonly faults: readonly ServerFault[] = [
    this.#failover('primary killed', 3, async (primary) => {
      await primary.redis.kill();
      await this.servers.promoted();
      await this.servers.restart(primary);
    }),
    this.#failover('primary stopped', 2, async (primary, random) => {
      primary.redis.pause();
      await this.servers.promoted();
      await pause(random() * 3_000);
      primary.redis.resume();
    }),
    this.#failover('failover told to a Sentinel', 3, async (_primary, random) => {
      await eventually(async () => {
        await askSentinel(choose(this.servers.sentinels, random), 'FAILOVER', SENTINEL_NAME);
        await this.servers.promoted(5_000);
      }, 60_000);
    }),
    {
      name: 'handed over to a replica',
      weight: 3,
      strike: async () => {
        const { port } = this.servers.primary;
        await this.servers.handOver();
        await this.servers.heal();
        return nameOf(port);
      },
    },
    {
      name: 'replica killed',
      weight: 2,
      strike: async ({ random }) => {
        const replica = choose(this.servers.replicas, random);
        await replica.redis.kill();
        await pause(random() * 3_000);
        await this.servers.restart(replica);
        await this.servers.heal();
        return nameOf(replica.port);
      },
    },
    {
      name: 'all Sentinels stopped',
      weight: 2,
      strike: async ({ random }) => {
        for (const sentinel of this.servers.sentinels) sentinel.pause();
        await pause(500 + random() * 4_000);
        for (const sentinel of this.servers.sentinels) sentinel.resume();
        await this.servers.heal();
        return 'Sentinels';
      },
    },
    {
      name: 'Sentinel replaced',
      weight: 1,
      strike: async ({ random }) => {
        const old = choose(this.servers.sentinels, random);
        await this.servers.replaceSentinel(old);
        return nameOf(old.port);
      },
    },
  ];

  private constructor(private readonly servers: ReplicatedRedis) {}

  static async start({
    settings,
    environment,
  }: Pick<StartRedisOptions, 'settings' | 'environment'>): Promise<RedisWithSentinels> {
    const servers = await ReplicatedRedis.start({
      ...(settings === undefined ? {} : { settings }),
      environments: [environment, environment, environment],
      downAfterMs: DOWN_AFTER_MS,
      isWatched: false,
    });
    await servers.heal();
    return new RedisWithSentinels(servers);
  }

  get commands(): Redis {
    return this.servers.primary.commands;
  }

  get connection(): RedisOptions {
    return this.servers.connection;
  }

  async openWay(): Promise<Way> {
    const all = new Map<number, Between>();
    for (const { port } of this.servers.servers) all.set(port, await startBetween(port));
    const natMap = Object.fromEntries(
      [...all].map(([port, { network }]) => [
        `127.0.0.1:${port}`,
        { host: '127.0.0.1', port: network.port },
      ]),
    );
    const { servers } = this;
    return {
      get connection() {
        return { ...servers.connection, natMap };
      },
      get between() {
        return all.get(servers.primary.port)!; // there is one for each server
      },
      close: async () => {
        await Promise.all([...all.values()].map(closeBetween));
      },
    };
  }

  stop(): Promise<void> {
    return this.servers.stop();
  }

  /** A fault by which another server becomes the primary, and after which the old one comes back as a replica. */
  #failover(
    name: string,
    weight: number,
    strike: (primary: ReplicatedServer, random: () => number) => Promise<void>,
  ): ServerFault {
    return {
      name,
      weight,
      strike: async ({ random }) => {
        const { primary } = this.servers;
        await primary.commands.call('CLIENT', 'PAUSE', NO_WRITES_MS, 'WRITE');
        await untilReplicated(primary);
        await strike(primary, random);
        await primary.commands.client('UNPAUSE'); // as a replica, it has to write what it gets
        await this.servers.heal();
        return nameOf(primary.port);
      },
    };
  }
}

/** Resolves when the replicas have all that a primary without further writes has. WAIT asks nobody meanwhile. */
async function untilReplicated(primary: ReplicatedServer): Promise<void> {
  await eventually(async () => {
    const info = await primary.info();
    const offset = info['master_repl_offset'];
    const replicas = Object.entries(info).filter(([name]) => /^slave\d/.test(name));
    const behind = replicas.filter(([, line]) => !line.includes(`offset=${offset},`));
    if (behind.length > 0) throw new Error(`${behind.join()} are not at ${offset}`);
  }, 30_000);
}

function nameOf(port: number): string {
  return `at port ${port}`;
}

function choose<T>(from: readonly T[], random: () => number): T {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new Error('There is nothing to choose from.');
  return chosen;
}
