import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import type { LocalRedis, StartRedisOptions } from 'local-redis';
import { closeBetween, startBetween } from './between.js';
import type { ChaosServers, ServerFault, Way } from './servers.js';

const REDIS = 'redis';

/** One server with an append-only file. */
export class SingleRedis implements ChaosServers {
  readonly commands: Redis;
  readonly faults: readonly ServerFault[] = [
    {
      name: 'redis killed',
      weight: 2,
      strike: async ({ random }) => {
        await this.redis.kill();
        await pause(random() * 3_000);
        await this.redis.restart();
        return REDIS;
      },
    },
    {
      name: 'redis stopped',
      weight: 2,
      strike: async ({ random }) => {
        this.redis.pause();
        await pause(500 + random() * 9_000);
        this.redis.resume();
        return REDIS;
      },
    },
  ];

  private constructor(private readonly redis: LocalRedis) {
    this.commands = new Redis(redis.url);
    this.commands.on('error', () => undefined); // this Redis is killed on purpose
  }

  static async start(options: StartRedisOptions): Promise<SingleRedis> {
    return new SingleRedis(await startRedis(options));
  }

  get connection(): string {
    return this.redis.url;
  }

  async openWay(): Promise<Way> {
    const between = await startBetween(this.redis.port);
    return { connection: between.network.url, between, close: () => closeBetween(between) };
  }

  async stop(): Promise<void> {
    this.commands.disconnect();
    await this.redis.stop();
  }
}
