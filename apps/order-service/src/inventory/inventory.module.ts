import { Module } from '@nestjs/common';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';
import { OrderConfig } from '../config/order-config.js';
import { Measurements } from '../telemetry/measurements.js';
import { Traces } from '../telemetry/traces.js';

/** Provides the client for requests to inventory-service, and the server. */
@Module({
  imports: [
    RedisQueueModule.registerAsync({
      inject: [OrderConfig, Traces, Measurements],
      useFactory: (config: OrderConfig, { observers }: Traces, { observer }: Measurements) => ({
        connection: config.redisUrl,
        prefix: config.queuePrefix,
        requestTimeoutMs: config.stockTimeoutMs,
        observers: [...observers, observer],
        server: { leaseMs: config.leaseMs },
      }),
    }),
  ],
  exports: [RedisQueueModule],
})
export class InventoryModule {}
