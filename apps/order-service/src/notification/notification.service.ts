import { Injectable } from '@nestjs/common';
import { DeadLetter } from 'nestjs-redis-queue-transport';
import { OrdersService } from '../orders/orders.service.js';
import { writeEmail } from './email.js';
import { MailProvider } from './mail-provider.js';

@Injectable()
export class NotificationService {
  constructor(
    private readonly orders: OrdersService,
    private readonly mail: MailProvider,
  ) {}

  /** Safe to call twice: the order's id is the key, so that a customer gets one e-mail for each order. */
  async notify(orderId: string): Promise<void> {
    const order = await this.orders.find(orderId);
    if (order?.settledAt === undefined) {
      throw new DeadLetter(`no e-mail for order ${orderId}, which is not settled`);
    }
    await this.mail.send(writeEmail(order), orderId);
  }
}
