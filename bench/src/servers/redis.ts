import { Redis } from 'ioredis';
import { startRedis, type LocalRedis } from 'local-redis';
import type { BenchServer, ServerFigures } from './server.js';

export type Appendfsync = 'off' | 'everysec' | 'always';

/** An empty Redis, without AOF unless asked for. */
export async function startRedisServer(aof: Appendfsync): Promise<BenchServer> {
  const server = await startRedis({
    settings: {
      // Some rivals require this; ours warns without it.
      'maxmemory-policy': 'noeviction',
      ...(aof === 'off' ? {} : { appendonly: 'yes', appendfsync: aof }),
    },
  });
  return new RedisServer(server);
}

class RedisServer implements BenchServer {
  readonly url: string;
  readonly #redis: Redis;
  #asked = 0;

  constructor(private readonly server: LocalRedis) {
    this.url = server.url;
    this.#redis = new Redis(server.url);
  }

  async figures(): Promise<ServerFigures> {
    const own = this.#asked;
    this.#asked += 1;
    const info = new Map<string, number>();
    for (const line of (await this.#redis.info('cpu', 'stats', 'memory')).split('\r\n')) {
      const [name = '', value] = line.split(':');
      info.set(name, Number(value));
    }
    const figure = (name: string): number => info.get(name) ?? NaN;
    return {
      cpuUs: (figure('used_cpu_user') + figure('used_cpu_sys')) * 1e6,
      redis: {
        commands: figure('total_commands_processed') - own,
        bytesIn: figure('total_net_input_bytes'),
        bytesOut: figure('total_net_output_bytes'),
        memoryBytes: figure('used_memory'),
      },
    };
  }

  async stop(): Promise<void> {
    this.#redis.disconnect();
    await this.server.stop();
  }
}
