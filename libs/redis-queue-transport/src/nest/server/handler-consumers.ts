import type { MessageHandler } from '@nestjs/microservices';
import type { Broker } from '../../core/broker/broker.js';
import type { SubscriptionTerms } from '../../core/broker/lease.js';
import { Consumer } from '../../core/consumer/consumer.js';
import { DeliveryRunner } from '../../core/delivery/delivery-runner.js';
import { HandlerWatch } from '../../core/lifecycle/handler-watch.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import type { Places } from '../../core/delivery/places.js';
import type { Runtime } from '../../core/process/runtime.js';
import { TrialTurn } from '../../core/consumer/trial.js';
import { BatchRunner } from '../handlers/batch-runner.js';
import { EventKey } from '../handlers/event-key.js';
import { MessageRunner } from '../handlers/message-runner.js';
import type { QueueOptions } from '../options/handler-options.js';
import type { Served } from './served.js';

/** Makes a consumer for each handler with a queue, without starting it. */
export function consumersOf(
  served: Served,
  broker: Broker,
  places: Places | undefined,
): Consumer[] {
  const makers = new HandlerConsumers(served, broker, places);
  return [...makers.ofMessages(), ...makers.ofDurableEvents()];
}

class HandlerConsumers {
  readonly #turn = new TrialTurn();

  constructor(
    private readonly served: Served,
    private readonly broker: Broker,
    /** The places of all handlers of the server. */
    private readonly places: Places | undefined,
  ) {}

  *ofMessages(): Iterable<Consumer> {
    for (const [queue, { handler, options }] of this.served.registry.messages)
      yield this.#consumer(queue, queue, handler, options, undefined);
  }

  *ofDurableEvents(): Iterable<Consumer> {
    for (const [queue, { pattern, handler, options }] of this.served.registry.durable)
      yield this.#consumer(queue, pattern, handler, options, {
        from: options.from,
        readsKeys: options.key === undefined ? undefined : true,
      });
  }

  #consumer(
    queue: string,
    pattern: string,
    handler: MessageHandler,
    handlerOptions: QueueOptions,
    subscription: SubscriptionTerms | undefined,
  ): Consumer {
    const { ids, observer, runtime } = this.served;
    const { deadLetterLimit, deadLetterMaxAgeMs, maxCrashes } = this.served.options;
    const { prefetch = 0, leaseMs, once, batch, limit, order } = handlerOptions;
    const key = handlerOptions.key && new EventKey(pattern, this.served.codec, handlerOptions.key);
    const concurrency = handlerOptions.concurrency * (batch?.size ?? 1);
    const options = {
      queue,
      concurrency,
      // What was taken in advance would use up the limit.
      prefetch: limit === undefined ? Math.max(prefetch, concurrency) : concurrency,
      limit,
      leaseMs,
      deadLetterLimit,
      deadLetterMaxAgeMs,
      maxCrashes,
      onceMs: once?.windowMs,
      subscription,
      keyOf: key?.ofEnvelope,
      order,
      // A batch takes one place when it starts.
      places: batch === undefined ? this.places : undefined,
    };
    const deliveries = this.#runnerOf(pattern, handler, handlerOptions, key);
    const about = [options, ids, deliveries, observer, this.#turn, runtime] as const;
    return new Consumer(this.broker, ...about);
  }

  #runnerOf(
    pattern: string,
    handler: MessageHandler,
    options: QueueOptions,
    key: EventKey | undefined,
  ): DeliveryRunner {
    const { codec, codecOfOthers, withHooks, logger, observer, runtime } = this.served;
    const { batch, concurrency, timeoutMs, retry, feedFrom } = options;
    const onError = (error: unknown): void => logger.error(error);
    const ofQueue = feedFrom === undefined ? codec : codecOfOthers;
    const read = key === undefined ? ofQueue : ofQueue.checking(key.of);
    const parts = [pattern, handler, this.broker, read, withHooks, onError, observer] as const;
    if (batch === undefined)
      return new DeliveryRunner(new MessageRunner(...parts), options, runtime);
    const terms = {
      ...batch,
      concurrency,
      timeoutMs,
      places: this.places,
      onBegin: beginsOf(observer, runtime),
    };
    const batches = new BatchRunner(...parts, terms, runtime);
    // Without timeoutMs: that limits a whole batch, and is enforced there.
    return new DeliveryRunner(batches, { retry }, runtime);
  }
}

/** Undefined if no observer needs it. */
function beginsOf(
  observer: RedisQueueObserver,
  runtime: Runtime,
): HandlerWatch['began'] | undefined {
  const isWatched = observer.began !== undefined || observer.ended !== undefined;
  return isWatched ? new HandlerWatch(observer, runtime).began : undefined;
}
