import { Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';
import { InventoryConfig } from '../config/inventory-config.js';
import { RedisModule } from '../redis/redis.module.js';
import { Measurements } from '../telemetry/measurements.js';
import { Traces } from '../telemetry/traces.js';
import { RedeliveryInterceptor } from './redelivery.interceptor.js';
import { StockController } from './stock.controller.js';
import { StockRepository } from './stock.repository.js';
import { StockSeeder } from './stock.seeder.js';
import { Warehouse } from './warehouse.js';

@Module({
  imports: [
    RedisModule,
    RedisQueueModule.registerAsync({
      inject: [InventoryConfig, Traces, Measurements],
      useFactory: (config: InventoryConfig, { observers }: Traces, { observer }: Measurements) => ({
        connection: config.redisUrl,
        prefix: config.queuePrefix,
        observers: [...observers, observer],
        server: { concurrency: config.concurrency, leaseMs: config.leaseMs },
      }),
    }),
  ],
  controllers: [StockController],
  providers: [
    StockRepository,
    StockSeeder,
    Warehouse,
    RedeliveryInterceptor,
    // A message that it refuses becomes a dead letter at once, with the reasons: retrying would not make it valid.
    {
      provide: APP_PIPE,
      useFactory: (): ValidationPipe => new ValidationPipe({ transform: true, whitelist: true }),
    },
  ],
  exports: [RedisQueueModule],
})
export class StockModule {}
