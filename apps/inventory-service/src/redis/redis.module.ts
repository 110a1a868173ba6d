import { Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { InventoryConfig } from '../config/inventory-config.js';

/** This service's own connection for its own data; the transport keeps connections of its own. */
export const REDIS = Symbol('REDIS');

@Module({
  providers: [
    {
      provide: REDIS,
      inject: [InventoryConfig],
      useFactory: (config: InventoryConfig): Redis => {
        const logger = new Logger('Redis');
        // While Redis is away, a reservation waits: if it failed, it would become a dead letter.
        const redis = new Redis(config.redisUrl, { maxRetriesPerRequest: null });
        // ioredis reconnects by itself; without a listener it would print whole stack traces.
        redis.on('error', (error: Error) => logger.error(error.message));
        return redis;
      },
    },
  ],
  exports: [REDIS],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(@Inject(REDIS) private readonly redis: Redis) {}

  /** Not earlier: at `onModuleDestroy` the transport may still be finishing messages. */
  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
