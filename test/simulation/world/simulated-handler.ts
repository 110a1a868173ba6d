import type { Delivery } from '../../../libs/redis-queue-transport/src/core/delivery/delivery.js';
import type { DeliveryHandler } from '../../../libs/redis-queue-transport/src/core/delivery/delivery-runner.js';
import { HandlerTimeoutError } from '../../../libs/redis-queue-transport/src/core/errors/abort-reasons.js';
import { DONE } from '../../../libs/redis-queue-transport/src/core/delivery/outcome.js';
import type { Result } from '../../../libs/redis-queue-transport/src/core/delivery/outcome.js';
import type { Start } from '../check/ledger.js';
import type { Step } from '../scenario/scenario.js';
import type { ProcessRuntime } from '../time/process-runtime.js';

/** What a handler needs of its process. */
export interface HandlerHost {
  readonly runtime: ProcessRuntime;
  /** Notes the start, and returns what the handler does in it. */
  begins(delivery: Delivery): { readonly start: Start; readonly step: Step };
  ended(delivery: Delivery, start: Start, end: Start['end']): void;
  /** It has blocked its event loop for so long. */
  computed(ms: number): void;
  /** The handler kills its process. */
  killed(delivery: Delivery): void;
}

/** Does what the message's plan says. */
export class SimulatedHandler implements DeliveryHandler {
  /** The latest start of each delivery. */
  readonly #starts = new WeakMap<Delivery, Start>();

  constructor(private readonly host: HandlerHost) {}

  async run(delivery: Delivery): Promise<Result> {
    const { start, step } = this.host.begins(delivery);
    this.#starts.set(delivery, start);
    // As with Nest, the handler itself begins once its start has returned.
    await Promise.resolve();
    const result = await this.#do(delivery, step);
    this.#end(delivery, isTimedOut(delivery) ? 'timedOut' : endOf(result));
    return result;
  }

  timedOut(delivery: Delivery, error: Error): Result {
    this.#end(delivery, 'timedOut');
    return { kind: 'failed', error };
  }

  #end(delivery: Delivery, end: Start['end']): void {
    const start = this.#starts.get(delivery);
    if (start !== undefined && start.end === undefined) this.host.ended(delivery, start, end);
  }

  async #do(delivery: Delivery, step: Step): Promise<Result> {
    const { runtime } = this.host;
    switch (step.does) {
      case 'ok':
        if (step.ms > 0) await this.#pass(step.ms);
        return DONE;
      case 'fail':
        if (step.ms > 0) await this.#pass(step.ms);
        return { kind: 'failed', error: new Error('as planned') };
      case 'later':
        return { kind: 'retryLater', delayMs: step.delayMs };
      case 'slowDown':
        return {
          kind: 'retryLater',
          delayMs: step.ms,
          ...(step.of === 'queue' ? { slowsQueue: true } : { slowsKey: true }),
        };
      case 'reject':
        return { kind: 'reject', error: new Error('as planned') };
      case 'hang':
        return never();
      case 'compute':
        runtime.compute(step.ms);
        this.host.computed(step.ms);
        return DONE;
      case 'kill':
        this.host.killed(delivery);
        return never();
    }
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.host.runtime.setTimeout(resolve, ms));
  }
}

/** Its batch had timed out by then. */
function isTimedOut({ signal }: Delivery): boolean {
  return signal.reason instanceof HandlerTimeoutError;
}

function endOf({ kind }: Result): Start['end'] {
  if (kind === 'done') return 'ok';
  if (kind === 'retryLater') return 'later';
  return kind === 'reject' ? 'rejected' : 'failed';
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
