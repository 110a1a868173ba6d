import { Injectable } from '@nestjs/common';
import { RedisQueueAdmin, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';
import type { StockRow, StockView } from '../../browser/live-view.js';

const LIST = 'inventory.list';
const ANSWER_WITHIN_MS = 1_000;

/** The stock, as in the last answer of inventory-service. */
@Injectable()
export class StockWatch {
  #view: StockView = { items: [], answeredAt: undefined, isStale: true };

  constructor(
    private readonly client: RedisQueueClient,
    private readonly admin: RedisQueueAdmin,
  ) {}

  /** Asks, unless nobody is there to answer. Never rejects: the last answer stands, marked as stale. */
  async look(): Promise<StockView> {
    try {
      const items = await this.#ask();
      this.#view =
        items === undefined
          ? { ...this.#view, isStale: true }
          : { items, answeredAt: new Date().toISOString(), isStale: false };
    } catch {
      // The page says that the answer is an old one; its services and queues show why.
      this.#view = { ...this.#view, isStale: true };
    }
    return this.#view;
  }

  async #ask(): Promise<readonly StockRow[] | undefined> {
    const { consumers } = await this.admin.lengths(LIST);
    if (consumers === 0) return undefined;
    return firstValueFrom(
      this.client.send<readonly StockRow[]>(LIST, {}, { timeoutMs: ANSWER_WITHIN_MS }),
    );
  }
}
