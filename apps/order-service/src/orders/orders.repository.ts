import { Inject, Injectable, ServiceUnavailableException } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { OrderConfig } from '../config/order-config.js';
import { REDIS } from '../redis/redis.module.js';
import { orderKeys, type OrderKeys } from './order.keys.js';
import { fromRecord, toRecord } from './order-record.js';
import type { Order, OrderStatus, Settlement } from './order.js';
import { advanceScript } from './scripts/advance.script.js';
import { createScript } from './scripts/create.script.js';
import { settleScript } from './scripts/settle.script.js';

export type SettleAnswer = 'settled' | 'same' | 'conflict' | 'unknown';

export interface OrderPage {
  readonly total: number;
  readonly orders: readonly Order[];
}

/** The orders in Redis. The only class of this service that knows its keys. */
@Injectable()
export class OrdersRepository {
  readonly #keys: OrderKeys;

  constructor(
    @Inject(REDIS) private readonly redis: Redis,
    config: OrderConfig,
  ) {
    this.#keys = orderKeys(config.dataPrefix);
  }

  /** May be called again for the same order. Resolves with what is stored under its id: the first one stands. */
  async create(order: Order): Promise<Order> {
    const created = await this.#ask(
      this.redis.eval(
        createScript,
        3,
        this.#keys.order(order.id),
        this.#keys.index,
        this.#keys.placing,
        order.id,
        Date.parse(order.placedAt),
        ...Object.entries(toRecord(order)).flat(),
      ),
    );
    return created === 1 ? order : ((await this.find(order.id)) ?? order);
  }

  /** Notes that it is on the list of reservations. */
  async accept(id: string): Promise<void> {
    await this.#advance(id, 'accepted', ['placing']);
  }

  /** Notes that its goods are set aside. Resolves with its current status: it may be settled already. */
  async reserve(id: string): Promise<OrderStatus | undefined> {
    return this.#advance(id, 'reserved', ['placing', 'accepted']);
  }

  /** May be called again with the same settlement. */
  async settle(id: string, settlement: Settlement): Promise<SettleAnswer> {
    const answer = await this.#ask(
      this.redis.eval(
        settleScript,
        2,
        this.#keys.order(id),
        this.#keys.placing,
        id,
        settlement.status,
        settlement.status === 'confirmed' ? '' : settlement.reason,
        new Date().toISOString(),
      ),
    );
    // The script has these four replies.
    return answer as SettleAnswer;
  }

  /** Ids of the orders that are not yet known to be on the list of reservations, the oldest first. */
  async placing(): Promise<readonly string[]> {
    return this.#ask(this.redis.zrange(this.#keys.placing, 0, '-1'));
  }

  async find(id: string): Promise<Order | undefined> {
    return fromRecord(await this.#ask(this.redis.hgetall(this.#keys.order(id))));
  }

  /** The newest first. */
  async list(offset: number, limit: number): Promise<OrderPage> {
    const [total, ids] = await this.#ask(
      Promise.all([
        this.redis.zcard(this.#keys.index),
        this.redis.zrange(this.#keys.index, offset, String(offset + limit - 1), 'REV'),
      ]),
    );
    const orders = await Promise.all(ids.map((id) => this.find(id)));
    return { total, orders: orders.filter((order) => order !== undefined) };
  }

  async #advance(
    id: string,
    to: OrderStatus,
    from: readonly OrderStatus[],
  ): Promise<OrderStatus | undefined> {
    const keys = [this.#keys.order(id), this.#keys.placing];
    const status = await this.#ask(this.redis.eval(advanceScript, 2, ...keys, id, to, ...from));
    // Only this service writes it.
    return (status ?? undefined) as OrderStatus | undefined;
  }

  /** Without Redis nobody can be served, and callers should learn that it is not their fault. */
  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (cause) {
      throw new ServiceUnavailableException('the orders cannot be reached, try again later', {
        cause,
      });
    }
  }
}
