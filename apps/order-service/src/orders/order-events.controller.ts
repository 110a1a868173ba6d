import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { InventoryRejectedDto } from '../inventory/dto/inventory-rejected.dto.js';
import { OrderIdDto } from './dto/order-id.dto.js';
import { OrdersService } from './orders.service.js';

/**
 * Writes the events of inventory-service into the orders. An order that missed its event would stay open forever, so
 * the events are durable: with a group, each waits in Redis until one replica has handled it.
 */
@Controller()
export class OrderEventsController {
  constructor(private readonly orders: OrdersService) {}

  @EventPattern<string>('inventory.reserved', { group: 'orders' })
  async reserved(@Payload() { orderId }: OrderIdDto): Promise<void> {
    await this.orders.reserve(orderId);
  }

  @EventPattern<string>('inventory.rejected', { group: 'orders' })
  async rejected(@Payload() { orderId, reason }: InventoryRejectedDto): Promise<void> {
    await this.orders.settle(orderId, { status: 'rejected', reason });
  }
}
