import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { InventoryConfig } from '../config/inventory-config.js';
import { REDIS } from '../redis/redis.module.js';
import { releaseScript } from './release.script.js';
import type { OrderLine, Reservation, UnknownItems } from './reservation.js';
import { reserveScript } from './reserve.script.js';
import { stockKeys, type StockKeys } from './stock.keys.js';
import type { StockItem } from './stock-file.js';

/** The stock in Redis. The only class of this service that knows its keys. */
@Injectable()
export class StockRepository {
  readonly #keys: StockKeys;

  constructor(
    @Inject(REDIS) private readonly redis: Redis,
    config: InventoryConfig,
  ) {
    this.#keys = stockKeys(config.dataPrefix);
  }

  /** May be called again for the same order: the first answer stands. */
  async reserve(orderId: string, lines: readonly OrderLine[]): Promise<Reservation | UnknownItems> {
    const reply = await this.redis.eval(
      reserveScript,
      2,
      this.#keys.units,
      this.#keys.outcomes,
      orderId,
      JSON.stringify(lines),
    );
    // The script is the only writer of this text.
    return JSON.parse(String(reply)) as Reservation | UnknownItems;
  }

  /** Gives back the units of an order, once however often it is called. False if there is no such order. */
  async release(orderId: string): Promise<boolean> {
    const keys = [this.#keys.units, this.#keys.outcomes];
    return (await this.redis.eval(releaseScript, 2, ...keys, orderId)) === 1;
  }

  /** `undefined` if there is no such item, which is not the same as none left. */
  async unitsLeft(sku: string): Promise<number | undefined> {
    const units = await this.redis.hget(this.#keys.units, sku);
    return units === null ? undefined : Number(units);
  }

  /** Every item, by SKU. */
  async all(): Promise<StockItem[]> {
    const units = await this.redis.hgetall(this.#keys.units);
    return Object.entries(units)
      .map(([sku, left]) => ({ sku, units: Number(left) }))
      .sort((a, b) => (a.sku < b.sku ? -1 : 1));
  }

  /** Adds items that Redis does not know yet; known ones keep their units. */
  async addMissing(items: readonly StockItem[]): Promise<void> {
    const transaction = this.redis.multi();
    for (const { sku, units } of items) {
      transaction.hsetnx(this.#keys.units, sku, units);
      transaction.hsetnx(this.#keys.seeded, sku, units);
    }
    await transaction.exec();
  }

  async countRedelivery(messageId: string): Promise<void> {
    await this.redis.hincrby(this.#keys.redelivered, messageId, 1);
  }
}
