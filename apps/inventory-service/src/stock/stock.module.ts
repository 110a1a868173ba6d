import { Module } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';
import { InventoryConfig } from '../config/inventory-config.js';
import { RedisModule } from '../redis/redis.module.js';
import { messageValidationPipe } from './message-validation.pipe.js';
import { RedeliveryInterceptor } from './redelivery.interceptor.js';
import { StockController } from './stock.controller.js';
import { StockRepository } from './stock.repository.js';
import { StockSeeder } from './stock.seeder.js';
import { Warehouse } from './warehouse.js';

@Module({
  imports: [
    RedisModule,
    RedisQueueModule.registerAsync({
      inject: [InventoryConfig],
      useFactory: (config: InventoryConfig) => ({
        connection: config.redisUrl,
        prefix: config.queuePrefix,
      }),
    }),
  ],
  controllers: [StockController],
  providers: [
    StockRepository,
    StockSeeder,
    Warehouse,
    RedeliveryInterceptor,
    { provide: APP_PIPE, useFactory: messageValidationPipe },
  ],
})
export class StockModule {}
