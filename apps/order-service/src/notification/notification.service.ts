import { Injectable, Logger } from '@nestjs/common';
import type { Settlement } from '../orders/order.js';
import { OrdersService } from '../orders/orders.service.js';
import { writeEmail } from './email.js';
import { Outbox } from './outbox.js';

@Injectable()
export class NotificationService {
  readonly #logger = new Logger(NotificationService.name);

  constructor(
    private readonly orders: OrdersService,
    private readonly outbox: Outbox,
  ) {}

  /** Safe to call twice: a customer gets one e-mail for each order. */
  async notify(orderId: string, settlement: Settlement): Promise<void> {
    const order = await this.orders.find(orderId);
    if (order === undefined) {
      this.#logger.warn(`no e-mail for order ${orderId}, which is unknown`);
      return;
    }
    await this.outbox.add(writeEmail(order, settlement));
  }
}
