import { Injectable } from '@nestjs/common';
import { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { OrderConfig } from '../config/order-config.js';
import type { Order, Settlement } from './order.js';

/** Within this time, Redis accepts each message once. One that is sent again later finds its work done. */
const deduplicateMs = 10 * 60_000;

/**
 * All messages of this service. Each has the id of its order, so that it can be sent again if its outcome is unknown: by
 * the client, for a while, and then by the caller.
 */
@Injectable()
export class OrderMessages {
  readonly #payWithinMs: number;

  constructor(
    private readonly client: RedisQueueClient,
    { payWithinMs }: OrderConfig,
  ) {
    this.#payWithinMs = payWithinMs;
  }

  /** To inventory-service, which announces the outcome by an event. */
  async askForGoods({ id, lines }: Order): Promise<void> {
    await this.client.enqueue('inventory.reserve', { orderId: id, lines }, { id, deduplicateMs });
  }

  /** To a replica of this service. */
  async askForMoney({ id, payment }: Order): Promise<void> {
    if (payment === 'card') {
      await this.client.enqueue('payment.charge', { orderId: id }, { id, deduplicateMs });
    } else {
      // It waits in Redis, so that no process has to live for that long.
      const delayMs = this.#payWithinMs;
      await this.client.enqueue('order.unpaid', { orderId: id }, { id, deduplicateMs, delayMs });
    }
  }

  /**
   * For observers, such as the page. The order does not depend on them: nothing waits for this, and the client logs a
   * failure.
   */
  tellProgress(event: 'order.placed' | 'order.reserved', orderId: string): void {
    this.client.emit(event, { orderId });
  }

  /** To each group that wants to know how an order ended. An end that nobody hears of is an error. */
  async tellSettled(orderId: string, { status }: Settlement): Promise<void> {
    const event = { orderId, status };
    await this.client.emit('order.settled', event, { id: orderId, isMandatory: true });
  }
}
