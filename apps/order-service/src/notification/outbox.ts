import { appendFile, mkdir, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OrderConfig } from '../config/order-config.js';
import type { Email } from './email.js';

/**
 * The e-mails to send, one JSON line each; a mail server would take them from here. The file
 * itself is the record of who was written to, so that a restart writes nobody twice. One process
 * owns it: several replicas would each write, because each hears every event.
 */
@Injectable()
export class Outbox implements OnModuleInit {
  readonly #written = new Set<string>();

  constructor(private readonly config: OrderConfig) {}

  async onModuleInit(): Promise<void> {
    await mkdir(dirname(this.config.outboxFile), { recursive: true });
    for (const line of await this.#completeLines()) {
      this.#written.add((JSON.parse(line) as Email).orderId);
    }
  }

  /** Does nothing if there is an e-mail for this order. */
  async add(email: Email): Promise<void> {
    if (this.#written.has(email.orderId)) return;
    // Noted before the write: the same event may come again while the file is busy.
    this.#written.add(email.orderId);
    try {
      await appendFile(this.config.outboxFile, `${JSON.stringify(email)}\n`);
    } catch (error) {
      this.#written.delete(email.orderId);
      throw error;
    }
  }

  /**
   * Creates the file if there is none. Cuts off what a crash in the middle of a write may have left
   * behind the last newline.
   */
  async #completeLines(): Promise<string[]> {
    const content = await readFile(this.config.outboxFile, { flag: 'a+' });
    const end = content.lastIndexOf('\n') + 1;
    if (end < content.length) {
      await truncate(this.config.outboxFile, end);
    }
    return content
      .subarray(0, end)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
  }
}
