import { Module } from '@nestjs/common';
import { OrdersModule } from '../orders/orders.module.js';
import { RedisModule } from '../redis/redis.module.js';
import { PaymentController } from './payment.controller.js';
import { PaymentProvider } from './payment-provider.js';

@Module({
  imports: [OrdersModule, RedisModule],
  controllers: [PaymentController],
  providers: [PaymentProvider],
})
export class PaymentModule {}
