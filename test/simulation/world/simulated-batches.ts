import { BatchCollector } from '../../../libs/redis-queue-transport/src/core/delivery/batch-collector.js';
import type { Delivery } from '../../../libs/redis-queue-transport/src/core/delivery/delivery.js';
import type { DeliveryHandler } from '../../../libs/redis-queue-transport/src/core/delivery/delivery-runner.js';
import { DONE } from '../../../libs/redis-queue-transport/src/core/delivery/outcome.js';
import type { Result } from '../../../libs/redis-queue-transport/src/core/delivery/outcome.js';
import type { Gate } from '../../../libs/redis-queue-transport/src/core/lease/start-gate.js';
import type { HandlerHost } from './simulated-handler.js';
import { SimulatedHandler } from './simulated-handler.js';

export interface SimulatedBatchTerms {
  readonly size: number;
  readonly concurrency: number;
  readonly timeoutMs: number | undefined;
  readonly isExpired: (delivery: Delivery) => boolean;
}

/** Handles messages in batches; each does what its own plan says, one after the other. */
export class SimulatedBatches implements DeliveryHandler {
  readonly #batches: BatchCollector<undefined>;

  constructor(host: HandlerHost, terms: SimulatedBatchTerms) {
    const handler = new SimulatedHandler(host);
    this.#batches = new BatchCollector(
      { ...terms, waitMs: 50 },
      async (items) => {
        const running = items.map(async (item) => item.settle(await handler.run(item.delivery)));
        await Promise.all(running);
        return DONE;
      },
      host.runtime,
    );
  }

  run(delivery: Delivery): Promise<Result> {
    return new Promise((resolve) => this.begin(delivery, resolve));
  }

  begin(delivery: Delivery, end: (result: Result) => void): void {
    this.#batches.add(delivery, undefined, end);
  }

  timedOut(_: Delivery, error: Error): Result {
    return { kind: 'failed', error };
  }

  useGate(gate: Gate): void {
    this.#batches.useGate(gate);
  }

  takeBackUnstarted(): readonly Delivery[] {
    return this.#batches.takeBackUnstarted();
  }
}
