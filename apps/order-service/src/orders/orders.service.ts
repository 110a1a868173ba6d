import { randomUUID } from 'node:crypto';
import { Injectable, Logger, ServiceUnavailableException } from '@nestjs/common';
import {
  OutcomeUnknownError,
  RedisQueueClient,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';
import type { Order, OrderContent, Settlement } from './order.js';
import { OrdersRepository, type OrderPage } from './orders.repository.js';

@Injectable()
export class OrdersService {
  readonly #logger = new Logger(OrdersService.name);

  constructor(
    private readonly orders: OrdersRepository,
    private readonly inventory: RedisQueueClient,
  ) {}

  /**
   * Stored first, then put on the list: the other way round, an event could come for an order
   * that nobody knows. When this resolves, Redis holds both, and inventory-service may be down.
   */
  async place({ customer, lines, note }: OrderContent): Promise<Order> {
    const order: Order = {
      id: randomUUID(),
      status: 'placing',
      customer,
      lines,
      note,
      placedAt: new Date().toISOString(),
    };
    await this.orders.create(order);
    try {
      // The message carries the order's id, so that it can be found in Redis and in both logs.
      const message = new RedisQueueRecordBuilder({ orderId: order.id, lines })
        .id(order.id)
        .build();
      await firstValueFrom(this.inventory.enqueue('inventory.reserve', message));
    } catch (cause) {
      await this.#giveUp(order.id, cause);
    }
    await this.orders.accept(order.id);
    return { ...order, status: 'accepted' };
  }

  find(id: string): Promise<Order | undefined> {
    return this.orders.find(id);
  }

  list(offset: number, limit: number): Promise<OrderPage> {
    return this.orders.list(offset, limit);
  }

  /** Safe to call twice: events may come again. */
  async settle(id: string, settlement: Settlement): Promise<void> {
    const answer = await this.orders.settle(id, settlement);
    switch (answer) {
      case 'settled':
      case 'same':
        return;
      case 'conflict':
        this.#logger.error(`order ${id} was settled before and cannot become ${settlement.status}`);
        return;
      case 'unknown':
        this.#logger.warn(`an event says ${settlement.status} for order ${id}, which is unknown`);
        return;
    }
  }

  /** Answers the customer, who must neither believe that the order is placed nor place it twice. */
  async #giveUp(orderId: string, cause: unknown): Promise<never> {
    this.#logger.error(`order ${orderId} was not put on the list: ${String(cause)}`);
    await this.orders.fail(orderId, 'it could not be passed on').catch((error: unknown) => {
      // Then it stays "placing", and expires.
      this.#logger.error(`order ${orderId} could not be marked as failed: ${String(error)}`);
    });
    // Redis may have got the message although its answer was lost: then an event settles the order.
    const advice =
      cause instanceof OutcomeUnknownError
        ? `look at GET /orders/${orderId} before you send it again`
        : 'send it again later';
    throw new ServiceUnavailableException(`order ${orderId} could not be passed on, ${advice}`, {
      cause,
    });
  }
}
