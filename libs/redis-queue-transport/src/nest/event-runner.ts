import type { LoggerService } from '@nestjs/common';
import { Delivery } from '../core/delivery.js';
import { decodeElement } from '../core/envelope.js';
import { ShutdownError } from '../core/errors.js';
import { summarize } from '../core/outcome.js';
import { ownContext } from '../core/own-context.js';
import { rejected } from '../core/rejected.js';
import { Running } from '../core/running.js';
import type { RegisteredHandler } from './handler-registry.js';
import { runHandler } from './message-runner.js';
import type { WithHooks } from './message-runner.js';
import type { PacketCodec } from './packet-codec.js';
import { RedisQueueContext } from './redis-queue.context.js';

/** Runs every `@EventPattern` handler of a live event, each by itself: a failing one is logged and touches no other. */
export class EventRunner {
  readonly #running = new Running<Delivery>();
  #onIdle: (() => void) | undefined;

  constructor(
    private readonly handlers: ReadonlyMap<string, readonly RegisteredHandler[]>,
    private readonly codec: PacketCodec,
    private readonly withHooks: WithHooks,
    private readonly logger: LoggerService,
  ) {}

  run(pattern: string, element: Buffer): void {
    for (const { handler } of this.handlers.get(pattern) ?? []) {
      let delivery: Delivery;
      try {
        delivery = new Delivery(pattern, element, decodeElement(element));
      } catch (error) {
        this.#logFailure(pattern, error);
        return;
      }
      this.#runOne(delivery, handler);
    }
  }

  /** Resolves when no handler runs any more. */
  async idle(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Tells the handlers that still run that nobody waits for them any longer. */
  abandon(): void {
    for (const delivery of this.#running.items()) {
      const text = `The server stopped before a handler of the event "${delivery.queue}" ended.`;
      delivery.abort(new ShutdownError(text));
    }
  }

  #runOne(delivery: Delivery, handler: RegisteredHandler['handler']): void {
    const run = this.#running.begin(delivery);
    const end = (): void => {
      if (this.#running.end(run) && this.#running.size === 0) this.#onIdle?.();
    };
    const context = new RedisQueueContext([delivery, patternOf(delivery)]);
    const endWith = (failure: unknown): void => {
      // Also where a filter made a value of it.
      if (failure !== undefined) this.#logFailure(delivery.queue, failure);
      end();
    };
    const handled = ownContext().runInAsyncScope(this.#handle, this, delivery, context, handler);
    handled.then(
      () => endWith(context.failure),
      (error: unknown) => endWith(context.failure ?? error ?? new Error('It threw nothing.')),
    );
  }

  /** Each handler has its own copy of the data: what one changes, the others do not see. */
  #handle(
    delivery: Delivery,
    context: RedisQueueContext,
    handler: RegisteredHandler['handler'],
  ): Promise<void> {
    const run = (data: unknown): Promise<void> =>
      this.withHooks(context, () => runHandler(handler, data, context, undefined));
    try {
      const data = this.codec.decodeRequest(delivery.envelope, patternOf(delivery));
      return data instanceof Promise ? data.then(run) : run(data);
    } catch (error) {
      return rejected(error);
    }
  }

  #logFailure(pattern: string, error: unknown): void {
    const { message, stack } = summarize(error);
    this.logger.error(`A handler of the event "${pattern}" failed: ${message}`, stack);
  }
}

/** What a program without this library published names no pattern: it is that of the channel. */
function patternOf({ envelope, queue }: Delivery): string {
  return envelope.pattern ?? queue;
}
