import { randomUUID } from 'node:crypto';
import { Injectable, Logger, UnprocessableEntityException } from '@nestjs/common';
import {
  DeadLetter,
  RedisQueueClient,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import type { Order, OrderContent, Settlement } from './order.js';
import { hasSameContent } from './order-record.js';
import { OrdersRepository, type OrderPage } from './orders.repository.js';

/** Within this time Redis takes an order once. Sent again after it, inventory-service still takes its stock once. */
const DEDUPLICATE_MS = 10 * 60_000;

@Injectable()
export class OrdersService {
  readonly #logger = new Logger(OrdersService.name);

  constructor(
    private readonly orders: OrdersRepository,
    private readonly inventory: RedisQueueClient,
  ) {}

  /**
   * Stored first, then put on the list: the other way round, an event could come for an order that nobody knows. When
   * this resolves, the order is stored, and will be settled whatever becomes of this process.
   * @param id Safe to call again with the same id: it stays one order.
   */
  async place({ customer, lines, note }: OrderContent, id: string = randomUUID()): Promise<Order> {
    const wanted: Order = {
      id,
      status: 'placing',
      customer,
      lines,
      note,
      placedAt: new Date().toISOString(),
    };
    const order = await this.orders.create(wanted);
    if (!hasSameContent(order, wanted)) {
      throw new UnprocessableEntityException(`${id} is the key of another order`);
    }
    if (order.status !== 'placing') return order;
    try {
      await this.passOn(order);
      return { ...order, status: 'accepted' };
    } catch (error) {
      this.#logger.warn(`order ${id} is stored and will be passed on later: ${String(error)}`);
      return order;
    }
  }

  /**
   * Puts an order on the list of reservations. Redis may hold the message even if this rejects: an answer can be lost.
   * The message has the order's id, which makes it safe to send again. Redis takes it once.
   */
  async passOn({ id, lines }: Order): Promise<void> {
    const message = new RedisQueueRecordBuilder({ orderId: id, lines })
      .id(id)
      .deduplicate(DEDUPLICATE_MS)
      .build();
    await this.inventory.enqueue('inventory.reserve', message);
    await this.orders.accept(id);
  }

  /** Orders that are stored, and not yet known to be on the list of reservations, the oldest first. */
  async *unfinished(): AsyncGenerator<Order> {
    for (const id of await this.orders.placing()) {
      const order = await this.orders.find(id);
      if (order?.status === 'placing') yield order;
    }
  }

  find(id: string): Promise<Order | undefined> {
    return this.orders.find(id);
  }

  list(offset: number, limit: number): Promise<OrderPage> {
    return this.orders.list(offset, limit);
  }

  /**
   * Safe to call twice: events may come again. What makes no sense is kept as a dead letter, so that somebody can look
   * at it.
   */
  async settle(id: string, settlement: Settlement): Promise<void> {
    const answer = await this.orders.settle(id, settlement);
    switch (answer) {
      case 'settled':
      case 'same':
        return;
      case 'conflict':
        throw new DeadLetter(`order ${id} was settled before and cannot be ${settlement.status}`);
      case 'unknown':
        throw new DeadLetter(`order ${id} cannot be ${settlement.status}: it is unknown`);
    }
  }
}
