import type { Delivery } from './delivery.js';
import type { DeliveryHandler } from './delivery-runner.js';
import type { HandlerTimeoutError } from '../errors/abort-reasons.js';
import type { NotHandledError } from '../errors/request-errors.js';
import { Asked } from '../broker/lease.fake.js';
import { DONE } from './outcome.js';
import type { Result } from './outcome.js';

/** A handler that ends when the test says so. */
export class FakeHandler implements DeliveryHandler {
  readonly begun: string[] = [];
  readonly refused: string[] = [];
  /** For each handler whose signal fired: the message's id and the error. */
  readonly aborted: string[] = [];
  readonly #running = new Map<string, Asked<Result>>();

  run(delivery: Delivery): Promise<Result> {
    const id = idOf(delivery);
    this.begun.push(id);
    delivery.signal.addEventListener('abort', () => {
      const { name } = delivery.signal.reason as Error; // always an error of the library
      this.aborted.push(`${id} ${name}`);
    });
    const end = new Asked<Result>();
    this.#running.set(id, end);
    return end.answered;
  }

  end(id: string, result: Result = DONE): void {
    this.#running.get(id)?.answer(result);
  }

  timedOut(_: Delivery, error: HandlerTimeoutError): Result {
    return { kind: 'failed', error };
  }

  refuse(delivery: Delivery, error: NotHandledError): void {
    this.refused.push(`${idOf(delivery)} ${error.name}`);
  }
}

function idOf({ envelope }: Delivery): string {
  return envelope.id ?? '';
}
