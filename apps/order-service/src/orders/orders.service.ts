import { randomUUID } from 'node:crypto';
import {
  ConflictException,
  Injectable,
  Logger,
  UnprocessableEntityException,
} from '@nestjs/common';
import { DeadLetter } from 'nestjs-redis-queue-transport';
import type { Order, OrderContent, Settlement } from './order.js';
import { OrderMessages } from './order-messages.js';
import { hasSameContent } from './order-record.js';
import { OrdersRepository, type OrderPage, type SettleAnswer } from './orders.repository.js';

/**
 * The life of an order. Each step writes it down first and then sends what follows, and may be called again:
 * its caller, a customer or a handler, repeats it until it has resolved. A step that makes no sense dead-letters its
 * message, so that somebody can look at it.
 */
@Injectable()
export class OrdersService {
  readonly #logger = new Logger(OrdersService.name);

  constructor(
    private readonly orders: OrdersRepository,
    private readonly messages: OrderMessages,
  ) {}

  /**
   * Stored first, then put on the list: the other way round, an event could come for an order that nobody knows. When
   * this resolves, the order is stored, and will be settled even if this process dies.
   * @param id Safe to call again with the same id: it stays one order.
   */
  async place(content: OrderContent, id: string = randomUUID()): Promise<Order> {
    const { customer, lines, payment, note } = content;
    const placedAt = new Date().toISOString();
    const wanted: Order = { id, status: 'placing', customer, lines, payment, note, placedAt };
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

  /** Puts an order on the list of reservations. */
  async passOn(order: Order): Promise<void> {
    await this.messages.askForGoods(order);
    await this.orders.accept(order.id);
    this.messages.tellProgress('order.placed', order.id);
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

  /** The goods are set aside: now it has to be paid. */
  async reserve(id: string): Promise<void> {
    const status = await this.orders.reserve(id);
    if (status === undefined || status === 'rejected') {
      throw new DeadLetter(`goods are set aside for order ${id}, which is ${status ?? 'unknown'}`);
    }
    this.messages.tellProgress('order.reserved', id);
    const order = await this.orders.find(id);
    if (order?.status === 'reserved') await this.messages.askForMoney(order);
  }

  /** The customer's money has come by transfer. */
  async pay(order: Order): Promise<void> {
    if (order.status === 'placing' || order.status === 'accepted') {
      throw new ConflictException(`the goods of order ${order.id} are not set aside yet`);
    }
    const answer = await this.#settle(order.id, { status: 'confirmed' });
    if (answer === 'conflict') {
      throw new ConflictException(`order ${order.id} takes no money: it has ended already`);
    }
  }

  /** The time for paying is over. Does nothing if the money has come. */
  async cancelUnpaid(id: string): Promise<void> {
    const answer = await this.#settle(id, { status: 'cancelled', reason: 'it was not paid' });
    if (answer === 'unknown') throw new DeadLetter(`order ${id} is not paid: it is unknown`);
  }

  /** Ends the order as somebody said who knows. */
  async settle(id: string, settlement: Settlement): Promise<void> {
    const answer = await this.#settle(id, settlement);
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

  async #settle(id: string, settlement: Settlement): Promise<SettleAnswer> {
    const answer = await this.orders.settle(id, settlement);
    // Told again if it was settled before: the process that settled it may have died before it told anybody.
    if (answer === 'settled' || answer === 'same') await this.messages.tellSettled(id, settlement);
    return answer;
  }
}
