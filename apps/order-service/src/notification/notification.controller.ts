import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { InventoryRejectedDto } from '../inventory/dto/inventory-rejected.dto.js';
import { InventoryReservedDto } from '../inventory/dto/inventory-reserved.dto.js';
import { NotificationService } from './notification.service.js';

/**
 * Hears the same events as the orders do, for a group of its own, with copies and retries of its own. Neither knows of
 * the other, and neither can fail it.
 */
@Controller()
export class NotificationController {
  constructor(private readonly notifications: NotificationService) {}

  @EventPattern<string>('inventory.reserved', { group: 'notifications' })
  async reserved(@Payload() { orderId }: InventoryReservedDto): Promise<void> {
    await this.notifications.notify(orderId, { status: 'confirmed' });
  }

  @EventPattern<string>('inventory.rejected', { group: 'notifications' })
  async rejected(@Payload() { orderId, reason }: InventoryRejectedDto): Promise<void> {
    await this.notifications.notify(orderId, { status: 'rejected', reason });
  }
}
