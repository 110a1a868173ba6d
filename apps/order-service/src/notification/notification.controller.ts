import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { OrderIdDto } from '../orders/dto/order-id.dto.js';
import { NotificationService } from './notification.service.js';

/**
 * Hears how orders end, as a group of its own, with copies and retries of its own: inventory-service hears the same
 * event, and neither suffers if the other fails.
 */
@Controller()
export class NotificationController {
  constructor(private readonly notifications: NotificationService) {}

  @EventPattern<string>('order.settled', { group: 'notifications' })
  async settled(@Payload() { orderId }: OrderIdDto): Promise<void> {
    await this.notifications.notify(orderId);
  }
}
