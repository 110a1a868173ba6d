import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { OrderConfig } from '../config/order-config.js';
import { onceScript } from '../redis/once.script.js';
import { REDIS } from '../redis/redis.module.js';

/**
 * Stands for a payment provider that takes an idempotency key: however often it is asked, a card is charged once for
 * each key. Its charges are a list in Redis.
 */
@Injectable()
export class PaymentProvider {
  readonly #keys: string;
  readonly #charges: string;
  readonly #calls: string;
  readonly #failsEvery: number;

  constructor(
    @Inject(REDIS) private readonly redis: Redis,
    { dataPrefix, paymentFailsEvery }: OrderConfig,
  ) {
    this.#keys = `${dataPrefix}:{bank}:keys`;
    this.#charges = `${dataPrefix}:{bank}:charges`;
    this.#calls = `${dataPrefix}:{bank}:calls`;
    this.#failsEvery = paymentFailsEvery;
  }

  async charge(orderId: string): Promise<void> {
    const call = await this.redis.incr(this.#calls);
    await this.redis.eval(onceScript, 2, this.#keys, this.#charges, orderId, orderId);
    // The worst way to fail: the money has moved, and nobody is told.
    if (this.#failsEvery > 0 && call % this.#failsEvery === 0) {
      throw new Error('the payment provider did not answer');
    }
  }
}
