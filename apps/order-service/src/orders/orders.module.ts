import { Module } from '@nestjs/common';
import { InventoryModule } from '../inventory/inventory.module.js';
import { RedisModule } from '../redis/redis.module.js';
import { OrderMessages } from './order-messages.js';
import { OrdersController } from './orders.controller.js';
import { OrdersRepository } from './orders.repository.js';
import { OrdersService } from './orders.service.js';
import { UnfinishedOrders } from './unfinished-orders.js';

@Module({
  imports: [RedisModule, InventoryModule],
  controllers: [OrdersController],
  providers: [OrdersRepository, OrderMessages, OrdersService, UnfinishedOrders],
  exports: [OrdersService],
})
export class OrdersModule {}
