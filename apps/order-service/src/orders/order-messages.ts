import { Injectable } from '@nestjs/common';
import { RedisQueueClient, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { OrderConfig } from '../config/order-config.js';
import type { Order, Settlement } from './order.js';

/** Within this time Redis takes each message once. Sent again after it, it finds its work done. */
const DEDUPLICATE_MS = 10 * 60_000;

/**
 * All that this service sends. Redis may hold a message even if its call rejects, since an answer can be lost. So each
 * has the id of its order, which makes it safe to send again.
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

  /** To inventory-service, which says what came of it by an event. */
  async askForGoods({ id, lines }: Order): Promise<void> {
    const message = new RedisQueueRecordBuilder({ orderId: id, lines })
      .id(id)
      .deduplicate(DEDUPLICATE_MS)
      .build();
    await this.client.enqueue('inventory.reserve', message);
  }

  /** To a replica of this service. */
  async askForMoney({ id, payment }: Order): Promise<void> {
    const message = new RedisQueueRecordBuilder({ orderId: id }).id(id).deduplicate(DEDUPLICATE_MS);
    if (payment === 'card') {
      await this.client.enqueue('payment.charge', message.build());
    } else {
      // It waits in Redis, so that no process has to live for that long.
      await this.client.enqueue('order.unpaid', message.delay(this.#payWithinMs).build());
    }
  }

  /** To each group that wants to know how an order ended. */
  async tellSettled(orderId: string, { status }: Settlement): Promise<void> {
    const event = new RedisQueueRecordBuilder({ orderId, status })
      .id(orderId)
      .mandatory() // an end that nobody would hear of is an error
      .build();
    await this.client.emit('order.settled', event);
  }
}
