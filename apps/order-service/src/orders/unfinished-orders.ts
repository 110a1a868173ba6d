import { setTimeout } from 'node:timers/promises';
import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { OrdersService } from './orders.service.js';

const LOOK_EVERY_MS = 2_000;

/**
 * Passes on orders that are stored, but not known to be on the list: a process died in between, or Redis did not
 * respond. Replicas may do so at the same time, even for an order that is just being placed: it is put on the list
 * once.
 */
@Injectable()
export class UnfinishedOrders implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(UnfinishedOrders.name);
  readonly #stop = new AbortController();
  #work: Promise<void> | undefined;

  constructor(private readonly orders: OrdersService) {}

  onApplicationBootstrap(): void {
    this.#work = this.#passOnUntilStopped(this.#stop.signal);
  }

  async onModuleDestroy(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  async #passOnUntilStopped(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#passOn(signal);
      } catch (error) {
        // Whatever the error is, the next look tries again.
        this.#logger.warn(`orders could not be passed on: ${String(error)}`);
      }
      await setTimeout(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #passOn(signal: AbortSignal): Promise<void> {
    for await (const order of this.orders.unfinished()) {
      if (signal.aborted) return;
      await this.orders.passOn(order);
    }
  }
}
