import type { ServerKind } from '../contestants.js';
import { startNatsServer } from './nats.js';
import { startRabbitServer } from './rabbitmq.js';
import { startRedisServer, type Appendfsync } from './redis.js';
import type { BenchServer } from './server.js';

/**
 * Gives each sample a server of its own, except for RabbitMQ, which takes long to start and serves all samples of a
 * run.
 */
export class BenchServers {
  #rabbit: Promise<BenchServer> | undefined;

  /** @throws ProgramMissing */
  async take(kind: ServerKind, aof: Appendfsync): Promise<BenchServer> {
    switch (kind) {
      case 'redis':
        return startRedisServer(aof);
      case 'nats':
        return startNatsServer();
      case 'rabbitmq': {
        this.#rabbit ??= startRabbitServer();
        const rabbit = await this.#rabbit;
        return { ...rabbit, stop: () => Promise.resolve() };
      }
    }
  }

  async stop(): Promise<void> {
    const rabbit = await this.#rabbit?.catch(() => undefined);
    await rabbit?.stop();
  }
}
