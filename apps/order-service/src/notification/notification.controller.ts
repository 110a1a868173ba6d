import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { OrderIdDto } from '../orders/dto/order-id.dto.js';
import { NotificationService } from './notification.service.js';

/**
 * A group of its own hears how orders end, with copies and retries of its own: inventory-service hears the same event,
 * and neither can fail the other.
 */
@Controller()
export class NotificationController {
  constructor(private readonly notifications: NotificationService) {}

  @EventPattern<string>('order.settled', { group: 'notifications' })
  async settled(@Payload() { orderId }: OrderIdDto): Promise<void> {
    await this.notifications.notify(orderId);
  }
}
