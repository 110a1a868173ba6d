import type { MessageHandler } from '@nestjs/microservices';
import { isObservable } from 'rxjs';
import type { Observable } from 'rxjs';
import { BatchCollector } from '../../core/delivery/batch-collector.js';
import type { BatchTerms } from '../../core/delivery/batch-collector.js';
import type { BatchItem } from '../../core/delivery/batch-item.js';
import type { Broker } from '../../core/broker/broker.js';
import type { Delivery } from '../../core/delivery/delivery.js';
import { isExpired } from '../../core/delivery/intake.js';
import type { DeliveryHandler } from '../../core/delivery/delivery-runner.js';
import { DONE } from '../../core/delivery/outcome.js';
import type { Result } from '../../core/delivery/outcome.js';
import { runObserved } from '../../core/lifecycle/interventions.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import type { Gate } from '../../core/lease/start-gate.js';
import type { Runtime } from '../../core/process/runtime.js';
import { contextOfBatch } from '../../core/process/handled-headers.js';
import { steered } from './message-runner.js';
import type { WithHooks } from './message-runner.js';
import type { PacketCodec } from '../packets/packet-codec.js';
import { RedisQueueBatchContext } from '../context/redis-queue-batch.context.js';
import { letGo } from './let-go.js';
import { Replier } from './replier.js';

/** Runs a batch handler, and reports how each message ended. */
export class BatchRunner implements DeliveryHandler {
  readonly #batches: BatchCollector<unknown>;

  constructor(
    private readonly pattern: string,
    private readonly handler: MessageHandler,
    private readonly broker: Broker,
    private readonly codec: PacketCodec,
    private readonly withHooks: WithHooks,
    private readonly onError: (error: unknown) => void,
    private readonly observer: Pick<RedisQueueObserver, 'run'>,
    terms: Omit<BatchTerms, 'isExpired'>,
    runtime: Runtime,
  ) {
    const isTooLate = ({ envelope }: Delivery): boolean => isExpired(envelope, broker);
    const run = observer.run === undefined ? this.#runBatch : this.#runObserved;
    this.#batches = new BatchCollector(
      { ...terms, isExpired: isTooLate },
      (items) =>
        contextOfBatch(() =>
          items.map(({ delivery }) => delivery.envelope.headers),
        ).runInAsyncScope(run, this, items),
      runtime,
    );
  }

  run(delivery: Delivery): Promise<Result> {
    return new Promise((resolve) => this.begin(delivery, resolve));
  }

  /** Unreadable messages and requests never join a batch. */
  begin(delivery: Delivery, end: (result: Result) => void): void {
    if (delivery.envelope.replyTo !== undefined)
      return queueMicrotask(() => end(this.#refuse(delivery)));
    let data: unknown;
    try {
      data = this.codec.decodeRequest(delivery.envelope, delivery.envelope.pattern ?? this.pattern);
    } catch (error) {
      return queueMicrotask(() => end({ kind: 'undecodable', error }));
    }
    if (!(data instanceof Promise)) return this.#batches.add(delivery, data, end);
    data.then(
      (decoded) => this.#batches.add(delivery, decoded, end),
      (error: unknown) => end({ kind: 'undecodable', error }),
    );
  }

  /** Never called: the collector enforces the time limit of a batch. */
  timedOut(_: Delivery, error: Error): Result {
    return { kind: 'failed', error };
  }

  useGate(gate: Gate): void {
    this.#batches.useGate(gate);
  }

  takeBackUnstarted(): readonly Delivery[] {
    return this.#batches.takeBackUnstarted();
  }

  #refuse({ envelope }: Delivery): Result {
    const { replyTo } = envelope;
    if (replyTo === undefined) return DONE;
    const replier = new Replier(this.broker, this.codec, replyTo, envelope, this.onError);
    const text = `"${this.pattern}" is handled in batches, which do not reply: use enqueue() instead of send().`;
    const error = new Error(text);
    replier.fail(error);
    return { kind: 'refused', error };
  }

  #runObserved(items: readonly BatchItem<unknown>[]): Promise<Result> {
    const deliveries = items.map(({ delivery }) => delivery);
    return runObserved(this.observer, deliveries, () => this.#runBatch(items));
  }

  #runBatch(items: readonly BatchItem<unknown>[]): Promise<Result> {
    const context = new RedisQueueBatchContext([items, this.pattern]);
    return this.withHooks(context, () => this.#call(items, context)).then(
      // A filter may have turned a failure into a value; it is still a failure.
      () => (context.failure === undefined ? DONE : failed(context.failure, items)),
      (error: unknown) => steered(context.failure) ?? failed(error, items, context.failure),
    );
  }

  /** Settles when all of the handler's work is done. */
  async #call(
    items: readonly BatchItem<unknown>[],
    context: RedisQueueBatchContext,
  ): Promise<void> {
    const data = items.map((item) => item.data);
    const result: unknown = await this.handler(data, context);
    if (isObservable(result)) await this.#follow(result, items);
  }

  /** Resolves when the Observable completes, or when nobody waits for it any more. */
  #follow(values: Observable<unknown>, items: readonly BatchItem<unknown>[]): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const subscription = values.subscribe({ error: reject, complete: () => resolve() });
      let awaited = items.length;
      const noMore = (): void => {
        awaited -= 1;
        if (awaited > 0) return;
        letGo(subscription, this.pattern, this.onError);
        resolve();
      };
      for (const { delivery } of items) delivery.onAbort(noMore);
    });
  }
}

/** `cause`: the error before filters changed it. */
function failed(
  error: unknown,
  items: readonly BatchItem<unknown>[],
  cause: unknown = error,
): Result {
  return steered(error) ?? { kind: 'failed', error: cause, isShared: items.length > 1 };
}
