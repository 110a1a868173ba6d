import { Module } from '@nestjs/common';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';
import { OrderConfig } from '../config/order-config.js';
import { Traces } from '../telemetry/traces.js';

/** Provides the client for requests to inventory-service. */
@Module({
  imports: [
    RedisQueueModule.registerAsync({
      inject: [OrderConfig, Traces],
      useFactory: (config: OrderConfig, { observers }: Traces) => ({
        connection: config.redisUrl,
        prefix: config.queuePrefix,
        requestTimeoutMs: config.stockTimeoutMs,
        observers,
      }),
    }),
  ],
  exports: [RedisQueueModule],
})
export class InventoryModule {}
