import type { LoggerService } from '@nestjs/common';
import type { MessageHandler } from '@nestjs/microservices';
import type { Broker } from '../../core/broker/broker.js';
import { LiveDelivery } from '../../core/delivery/delivery.js';
import type { Delivery } from '../../core/delivery/delivery.js';
import { decodeElement } from '../../core/message/envelope.js';
import { ShutdownError } from '../../core/errors/abort-reasons.js';
import { isExpired, unreadable } from '../../core/delivery/intake.js';
import { ACK } from '../../core/delivery/outcome.js';
import { HandlerWatch } from '../../core/lifecycle/handler-watch.js';
import { runObserved } from '../../core/lifecycle/interventions.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import { contextOfHandled } from '../../core/process/handled-headers.js';
import type { Places } from '../../core/delivery/places.js';
import { rejected } from '../../core/errors/rejected.js';
import { Running } from '../../core/delivery/running.js';
import type { Runtime } from '../../core/process/runtime.js';
import { counted } from '../log/counted.js';
import { DroppedEvents } from '../log/dropped-events.js';
import type { RegisteredHandler } from './handler-registry.js';
import type { LiveOptions } from '../options/handler-options.js';
import { LiveHandler } from './live-handler.js';
import type { RunLive } from './live-handler.js';
import { runHandler } from './message-runner.js';
import type { WithHooks } from './message-runner.js';
import type { PacketCodec } from '../packets/packet-codec.js';
import { RedisQueueContext } from '../context/redis-queue.context.js';

export interface EventRunnerTerms {
  /** Most events that may wait for each handler. */
  readonly maxWaiting: number;
  readonly places: Places | undefined;
  /** The clock by which events expire. */
  readonly broker: Pick<Broker, 'nowMs'>;
  readonly runtime: Runtime;
}

/**
 * Runs every `@EventPattern` handler of a live event separately: a failure is logged and does not affect the others.
 */
export class EventRunner {
  /** By pattern. */
  readonly #handlers: ReadonlyMap<string, readonly LiveHandler[]>;
  readonly #broker: Pick<Broker, 'nowMs'>;
  readonly #running = new Running<Delivery>();
  readonly #watch: HandlerWatch;
  readonly #dropped: DroppedEvents;
  readonly #onError = (error: unknown): void => void this.logger.error(error);
  #onIdle: (() => void) | undefined;

  constructor(
    handlers: ReadonlyMap<string, readonly RegisteredHandler<LiveOptions>[]>,
    private readonly codec: PacketCodec,
    private readonly withHooks: WithHooks,
    private readonly logger: LoggerService,
    private readonly observer: RedisQueueObserver,
    { maxWaiting, places, broker, runtime }: EventRunnerTerms,
  ) {
    this.#broker = broker;
    this.#watch = new HandlerWatch(observer, runtime);
    this.#dropped = new DroppedEvents(observer);
    const live = ({ handler, options }: RegisteredHandler<LiveOptions>): LiveHandler => {
      const terms = { concurrency: options.concurrency, maxWaiting, places };
      return new LiveHandler(handler, terms, this.#runOne);
    };
    this.#handlers = new Map(
      [...handlers].map(([pattern, ofPattern]) => [pattern, ofPattern.map(live)]),
    );
  }

  run(pattern: string, element: Buffer): void {
    for (const handler of this.#handlers.get(pattern) ?? []) {
      let delivery: Delivery;
      try {
        delivery = new LiveDelivery(pattern, element, decodeElement(element));
      } catch (error) {
        delivery = new LiveDelivery(pattern, element, unreadable());
        this.observer.eventFailed?.(delivery, error);
        return;
      }
      if (!handler.add(delivery)) this.#dropped.add(pattern);
    }
  }

  get running(): number {
    return this.#running.size;
  }

  /** Resolves when no handler runs and no event waits for one. */
  async idle(): Promise<void> {
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  get #isIdle(): boolean {
    if (this.#running.size > 0) return false;
    return [...this.#handlers.values()].flat().every(({ waiting }) => waiting === 0);
  }

  /** Tells running handlers that nobody waits for them any more, and drops waiting events. */
  abandon(): void {
    for (const [pattern, handlers] of this.#handlers) {
      const dropped = handlers.reduce((sum, handler) => sum + handler.drop(), 0);
      if (dropped === 0) continue;
      const text = `Dropped ${counted(dropped, 'live event')} of "${pattern}" that were still waiting when the server stopped.`;
      this.logger.warn(text);
    }
    this.#dropped.flush();
    if (this.running > 0) {
      const text = `${counted(this.running, 'handler')} of live events still ran when the server stopped. Their events are not handled again.`;
      this.logger.warn(text);
    }
    for (const delivery of this.#running.items()) {
      const text = `The server stopped before a handler of the event "${delivery.queue}" ended.`;
      delivery.abort(new ShutdownError(text));
    }
  }

  readonly #runOne: RunLive = (delivery, handler, onEnd) => {
    // It may have expired by now: events can be recovered late, or wait for a place.
    if (isExpired(delivery.envelope, this.#broker)) {
      this.observer.skipped?.(delivery, 'expired');
      return queueMicrotask(onEnd);
    }
    const run = this.#running.begin(delivery);
    this.#watch.began(delivery);
    const end = (): void => {
      const wasRunning = this.#running.end(run);
      // Before anything else, give the place to the next event.
      onEnd();
      if (wasRunning && this.#onIdle !== undefined && this.#isIdle) this.#onIdle();
    };
    const context = new RedisQueueContext([delivery, patternOf(delivery)]);
    const endWith = (failure: unknown): void => {
      const outcome = failure === undefined ? ACK : ({ kind: 'ack', error: failure } as const);
      this.#watch.ended(delivery, outcome, !delivery.isAborted);
      // Report it even if a filter turned it into a value.
      if (failure !== undefined) this.observer.eventFailed?.(delivery, failure);
      end();
    };
    const own = contextOfHandled(delivery.envelope.headers);
    const handle = this.observer.run === undefined ? this.#handle : this.#handleObserved;
    const handled = own.runInAsyncScope(handle, this, delivery, context, handler);
    handled.then(
      () => endWith(context.failure),
      (error: unknown) =>
        endWith(context.failure ?? error ?? new Error('The handler threw undefined.')),
    );
  };

  #handleObserved(
    delivery: Delivery,
    context: RedisQueueContext,
    handler: MessageHandler,
  ): Promise<void> {
    return runObserved(this.observer, [delivery], () => this.#handle(delivery, context, handler));
  }

  /** Each handler gets its own copy of the data, so that none sees changes of another. */
  #handle(delivery: Delivery, context: RedisQueueContext, handler: MessageHandler): Promise<void> {
    const run = (data: unknown): Promise<void> =>
      this.withHooks(context, () => runHandler(handler, data, context, undefined, this.#onError));
    try {
      const data = this.codec.decodeRequest(delivery.envelope, patternOf(delivery));
      return data instanceof Promise ? data.then(run) : run(data);
    } catch (error) {
      return rejected(error);
    }
  }
}

/** An event from a program without this library does not name its pattern: then the channel does. */
function patternOf({ envelope, queue }: Delivery): string {
  return envelope.pattern ?? queue;
}
