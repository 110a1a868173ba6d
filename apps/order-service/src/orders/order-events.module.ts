import { Module } from '@nestjs/common';
import { OrderEventsController } from './order-events.controller.js';
import { OrdersModule } from './orders.module.js';

@Module({ imports: [OrdersModule], controllers: [OrderEventsController] })
export class OrderEventsModule {}
