import type { MessageHandler } from '@nestjs/microservices';
import { Subscription, isObservable } from 'rxjs';
import type { Broker } from '../core/broker.js';
import type { Delivery } from '../core/delivery.js';
import type { DeliveryHandler } from '../core/delivery-runner.js';
import type { HandlerTimeoutError } from '../core/errors.js';
import { DONE } from '../core/outcome.js';
import type { Result } from '../core/outcome.js';
import { DeadLetter, RetryLater } from './exceptions.js';
import type { PacketCodec } from './packet-codec.js';
import { RedisQueueContext } from './redis-queue.context.js';
import { Replier } from './replier.js';

/** Runs the work between Nest's processing hooks; settles when the work has. */
export type WithHooks = (context: RedisQueueContext, work: () => Promise<void>) => Promise<void>;

/** Runs the handler of one `@MessagePattern` and says how it ended. */
export class MessageRunner implements DeliveryHandler {
  constructor(
    private readonly pattern: string,
    private readonly handler: MessageHandler,
    private readonly broker: Broker,
    private readonly codec: PacketCodec,
    private readonly withHooks: WithHooks,
    private readonly onReplyError: (error: unknown) => void,
  ) {}

  async run(delivery: Delivery): Promise<Result> {
    const replier = this.#replierFor(delivery);
    let data: unknown;
    try {
      data = await this.codec.decodeRequest(delivery.envelope, this.pattern);
    } catch (error) {
      replier?.fail(error);
      return { kind: 'undecodable', error };
    }
    const context = new RedisQueueContext([delivery, this.pattern]);
    try {
      await this.withHooks(context, () => runHandler(this.handler, data, context, replier));
      // A filter may have made a value of what was thrown; the handler's wish holds all the same.
      const steering = steered(context.failure);
      if (steering?.kind === 'reject') replier?.fail(steering.error);
      return steering ?? DONE;
    } catch (error) {
      const steering = steered(context.failure) ?? steered(error);
      if (steering?.kind === 'retryLater') return steering;
      replier?.fail(error);
      if (steering !== undefined) return steering;
      // A request's caller has the error as its reply, and decides what to do.
      return replier === undefined ? { kind: 'failed', error: context.failure ?? error } : DONE;
    }
  }

  timedOut(delivery: Delivery, error: HandlerTimeoutError): Result {
    const replier = this.#replierFor(delivery);
    if (replier === undefined) return { kind: 'failed', error };
    replier.fail(error);
    return DONE;
  }

  #replierFor(delivery: Delivery): Replier | undefined {
    const { replyTo, id = '' } = delivery.envelope;
    if (replyTo === undefined) return undefined;
    return new Replier(this.broker, this.codec, replyTo, id, this.onReplyError);
  }
}

function steered(thrown: unknown): Result | undefined {
  if (thrown instanceof RetryLater) return { kind: 'retryLater', delayMs: thrown.delayMs };
  if (thrown instanceof DeadLetter) return { kind: 'reject', error: thrown };
  return undefined;
}

/**
 * Calls a handler and settles when everything that it does is done: interceptors and Observables run lazily, so only
 * the end of what it returned is the end. Rejects when any of it fails.
 */
export async function runHandler(
  handler: MessageHandler,
  data: unknown,
  context: RedisQueueContext,
  replier: Replier | undefined,
): Promise<void> {
  const result: unknown = await handler(data, context);
  // What a filter makes of a handler's wish is no answer: the message runs again, or the caller gets an error.
  const caller = (): Replier | undefined =>
    steered(context.failure) === undefined ? replier : undefined;
  if (!isObservable(result)) {
    caller()?.only(result);
    return;
  }
  const [delivery] = context.getArgs();
  await new Promise<void>((resolve, reject) => {
    const subscription = new Subscription();
    const next = (value: unknown): void => {
      if (!delivery.isAborted) return caller()?.next(value);
      // Nobody waits for it any longer, and it may never end by itself.
      subscription.unsubscribe();
      resolve();
    };
    const complete = (): void => {
      caller()?.complete();
      resolve();
    };
    subscription.add(result.subscribe({ next, error: reject, complete }));
  });
}
