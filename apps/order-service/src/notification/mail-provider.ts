import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { OrderConfig } from '../config/order-config.js';
import { onceScript } from '../redis/once.script.js';
import { REDIS } from '../redis/redis.module.js';
import type { Email } from './email.js';

/**
 * Stands for a mail provider that takes an idempotency key: however often it is asked, an e-mail goes out once for each
 * key. The e-mails that it has sent are a list in Redis, where you and the demo can count them.
 */
@Injectable()
export class MailProvider {
  readonly #keys: string;
  readonly #sent: string;

  constructor(
    @Inject(REDIS) private readonly redis: Redis,
    { dataPrefix }: OrderConfig,
  ) {
    this.#keys = `${dataPrefix}:{mail}:keys`;
    this.#sent = `${dataPrefix}:{mail}:sent`;
  }

  async send(email: Email, idempotencyKey: string): Promise<void> {
    await this.redis.eval(
      onceScript,
      2,
      this.#keys,
      this.#sent,
      idempotencyKey,
      JSON.stringify(email),
    );
  }

  countSent(): Promise<number> {
    return this.redis.llen(this.#sent);
  }

  /** The e-mails sent last, the newest first. */
  async newest(count: number): Promise<Email[]> {
    const emails = await this.redis.lrange(this.#sent, -count, -1);
    // Only this class writes them.
    return emails.map((email) => JSON.parse(email) as Email).reverse();
  }
}
