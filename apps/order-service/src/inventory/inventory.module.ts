import { Module } from '@nestjs/common';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';
import { OrderConfig } from '../config/order-config.js';

/** Provides the client for requests to inventory-service. */
@Module({
  imports: [
    RedisQueueModule.registerAsync({
      inject: [OrderConfig],
      useFactory: (config: OrderConfig) => ({
        connection: config.redisUrl,
        prefix: config.queuePrefix,
        requestTimeoutMs: config.stockTimeoutMs,
      }),
    }),
  ],
  exports: [RedisQueueModule],
})
export class InventoryModule {}
