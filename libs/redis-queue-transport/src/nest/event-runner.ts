import type { LoggerService } from '@nestjs/common';
import { Delivery } from '../core/delivery.js';
import { decodeElement } from '../core/envelope.js';
import { ShutdownError, messageOf } from '../core/errors.js';
import type { RegisteredHandler } from './handler-registry.js';
import { runHandler } from './message-runner.js';
import type { WithHooks } from './message-runner.js';
import type { PacketCodec } from './packet-codec.js';
import { RedisQueueContext } from './redis-queue.context.js';

/** Runs every `@EventPattern` handler of a live event, each by itself: a failing one is logged and touches no other. */
export class EventRunner {
  readonly #running = new Map<Delivery, Promise<void>>();

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
      const done = this.#runOne(delivery, handler).finally(() => this.#running.delete(delivery));
      this.#running.set(delivery, done);
    }
  }

  /** Resolves when no handler runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Tells the handlers that still run that nobody waits for them any longer. */
  abandon(): void {
    for (const delivery of this.#running.keys()) {
      const text = `The server stopped before a handler of the event "${delivery.queue}" ended.`;
      delivery.abort(new ShutdownError(text));
    }
  }

  /** Never rejects. */
  async #runOne(delivery: Delivery, handler: RegisteredHandler['handler']): Promise<void> {
    const { queue: pattern, envelope } = delivery;
    const context = new RedisQueueContext([delivery, pattern]);
    try {
      // Each handler has its own copy of the data: what one changes, the others do not see.
      const data = await this.codec.decodeRequest(envelope, pattern);
      await this.withHooks(context, () => runHandler(handler, data, context, undefined));
    } catch (error) {
      this.#logFailure(pattern, context.failure ?? error);
    }
  }

  #logFailure(pattern: string, error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined;
    this.logger.error(`A handler of the event "${pattern}" failed: ${describe(error)}`, stack);
  }
}

function describe(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error)
    return String(error.message);
  return messageOf(error);
}
