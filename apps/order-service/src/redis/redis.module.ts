import { Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { OrderConfig } from '../config/order-config.js';

/** This service's own connection for its own data; the transport keeps connections of its own. */
export const REDIS = Symbol('REDIS');

@Module({
  providers: [
    {
      provide: REDIS,
      inject: [OrderConfig],
      useFactory: (config: OrderConfig): Redis => {
        const logger = new Logger('Redis');
        // While Redis is away, people get an error soon instead of a page that loads forever.
        const redis = new Redis(config.redisUrl, {
          maxRetriesPerRequest: 2,
          retryStrategy: () => 500,
          commandTimeout: 5_000,
        });
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
