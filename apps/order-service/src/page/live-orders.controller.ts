import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { OrderIdDto } from '../orders/dto/order-id.dto.js';
import { LiveOrders } from './live-orders.js';

/** Live, without a group: each replica hears of each order, for the pages that it serves. */
@Controller()
export class LiveOrdersController {
  constructor(private readonly orders: LiveOrders) {}

  @EventPattern<string>('order.*')
  changed(@Payload() { orderId }: OrderIdDto): void {
    this.orders.changed(orderId);
  }
}
