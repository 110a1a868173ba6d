import { Inject, Injectable, ServiceUnavailableException } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { OrderConfig } from '../config/order-config.js';
import { REDIS } from '../redis/redis.module.js';
import { orderKeys, type OrderKeys } from './order.keys.js';
import { fromRecord, toRecord } from './order-record.js';
import type { Order, Settlement } from './order.js';
import { acceptScript } from './scripts/accept.script.js';
import { failScript } from './scripts/fail.script.js';
import { settleScript } from './scripts/settle.script.js';

/**
 * How long an order that is being placed is kept if its process dies before it knows whether the
 * order is on the list. Its customer never got an answer; an event within this time settles it.
 */
const PLACING_SECONDS = 60 * 60;

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

  async create(order: Order): Promise<void> {
    const key = this.#keys.order(order.id);
    await this.#ask(
      this.redis
        .multi()
        .hset(key, toRecord(order))
        .expire(key, PLACING_SECONDS)
        .zadd(this.#keys.index, Date.parse(order.placedAt), order.id)
        .exec(),
    );
  }

  async accept(id: string): Promise<void> {
    await this.#ask(this.redis.eval(acceptScript, 1, this.#keys.order(id)));
  }

  async fail(id: string, reason: string): Promise<void> {
    await this.#ask(this.redis.eval(failScript, 1, this.#keys.order(id), reason));
  }

  /** May be called again with the same settlement. */
  async settle(id: string, settlement: Settlement): Promise<SettleAnswer> {
    const reason = settlement.status === 'rejected' ? settlement.reason : '';
    const answer = await this.#ask(
      this.redis.eval(
        settleScript,
        1,
        this.#keys.order(id),
        settlement.status,
        reason,
        new Date().toISOString(),
      ),
    );
    // The script has these four replies.
    return answer as SettleAnswer;
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
    // One that expired while it was being placed has left only its id in the index.
    return { total, orders: orders.filter((order) => order !== undefined) };
  }

  /** Nobody can be served without Redis, and the caller should learn that it is not his fault. */
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
