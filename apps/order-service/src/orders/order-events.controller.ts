import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { InventoryRejectedDto } from '../inventory/dto/inventory-rejected.dto.js';
import { InventoryReservedDto } from '../inventory/dto/inventory-reserved.dto.js';
import { OrdersService } from './orders.service.js';

/**
 * What inventory-service tells, written into the orders. These are live events: one that is sent
 * while this service is down is not heard.
 */
@Controller()
export class OrderEventsController {
  constructor(private readonly orders: OrdersService) {}

  @EventPattern<string>('inventory.reserved')
  async reserved(@Payload() { orderId }: InventoryReservedDto): Promise<void> {
    await this.orders.settle(orderId, { status: 'confirmed' });
  }

  @EventPattern<string>('inventory.rejected')
  async rejected(@Payload() { orderId, reason }: InventoryRejectedDto): Promise<void> {
    await this.orders.settle(orderId, { status: 'rejected', reason });
  }
}
