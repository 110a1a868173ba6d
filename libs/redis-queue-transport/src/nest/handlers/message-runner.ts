import type { BaseRpcContext, MessageHandler } from '@nestjs/microservices';
import { isObservable } from 'rxjs';
import type { Observable } from 'rxjs';
import type { Broker } from '../../core/broker/broker.js';
import type { Delivery } from '../../core/delivery/delivery.js';
import type { DeliveryHandler } from '../../core/delivery/delivery-runner.js';
import { CallerGoneError } from '../../core/errors/abort-reasons.js';
import type { HandlerTimeoutError } from '../../core/errors/abort-reasons.js';
import type { NotHandledError } from '../../core/errors/request-errors.js';
import { runObserved } from '../../core/lifecycle/interventions.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import { DONE } from '../../core/delivery/outcome.js';
import type { Result } from '../../core/delivery/outcome.js';
import { contextOfHandled } from '../../core/process/handled-headers.js';
import { rejected } from '../../core/errors/rejected.js';
import { isDeadLetter, isRetryLater, isSlowDown } from '../context/exceptions.js';
import type { PacketCodec } from '../packets/packet-codec.js';
import { RedisQueueContext } from '../context/redis-queue.context.js';
import { letGo } from './let-go.js';
import { Replier } from './replier.js';

/** Runs the work between Nest's processing hooks. Settles together with the work. */
export type WithHooks = (context: BaseRpcContext, work: () => Promise<void>) => Promise<void>;

/** Runs the handler of one `@MessagePattern` or durable `@EventPattern`, and reports how it ended. */
export class MessageRunner implements DeliveryHandler {
  constructor(
    private readonly pattern: string,
    private readonly handler: MessageHandler,
    private readonly broker: Broker,
    private readonly codec: PacketCodec,
    private readonly withHooks: WithHooks,
    private readonly onError: (error: unknown) => void,
    private readonly observer: Pick<RedisQueueObserver, 'failedUntold' | 'run'>,
  ) {}

  run(delivery: Delivery): Promise<Result> {
    const { headers } = delivery.envelope;
    const run = this.observer.run === undefined ? this.#run : this.#runObserved;
    return contextOfHandled(headers).runInAsyncScope(run, this, delivery);
  }

  #runObserved(delivery: Delivery): Promise<Result> {
    return runObserved(this.observer, [delivery], () => this.#run(delivery));
  }

  #run(delivery: Delivery): Promise<Result> {
    const replier = this.#replierFor(delivery);
    let data: unknown;
    try {
      data = this.codec.decodeRequest(delivery.envelope, delivery.envelope.pattern ?? this.pattern);
    } catch (error) {
      return Promise.resolve(undecodable(error, replier));
    }
    if (!(data instanceof Promise)) return this.#handle(delivery, data, replier);
    return data.then(
      (decoded) => this.#handle(delivery, decoded, replier),
      (error: unknown) => undecodable(error, replier),
    );
  }

  #handle(delivery: Delivery, data: unknown, replier: Replier | undefined): Promise<Result> {
    const context = new RedisQueueContext([delivery, delivery.envelope.pattern ?? this.pattern]);
    return this.withHooks(context, () =>
      runHandler(this.handler, data, context, replier, this.onError),
    ).then(
      () => onceWritten(succeeded(context, replier), replier),
      (error: unknown) => {
        const { isUntold, failure } = context;
        if (isUntold && replier !== undefined && steered(failure) === undefined)
          this.observer.failedUntold?.(delivery, failure);
        return onceWritten(failed(error, context, replier), replier);
      },
    );
  }

  refuse(delivery: Delivery, error: NotHandledError): void {
    this.#replierFor(delivery)?.fail(error);
  }

  timedOut(delivery: Delivery, error: HandlerTimeoutError): Result {
    const replier = this.#replierFor(delivery);
    if (replier === undefined) return { kind: 'failed', error };
    replier.fail(error);
    return { kind: 'refused', error };
  }

  #replierFor(delivery: Delivery): Replier | undefined {
    const { envelope } = delivery;
    if (envelope.replyTo === undefined) return undefined;
    return new Replier(this.broker, this.codec, envelope.replyTo, envelope, this.onError);
  }
}

/** No request is settled before its reply has been written. */
function onceWritten(result: Result, replier: Replier | undefined): Result | Promise<Result> {
  const written = replier?.written;
  return written === undefined ? result : written.then(() => result);
}

function undecodable(error: unknown, replier: Replier | undefined): Result {
  replier?.fail(error);
  return { kind: 'undecodable', error };
}

/**
 * A filter may have turned a failure into a value. For a caller that is a reply; without a caller it is still a
 * failure.
 */
function succeeded({ failure }: RedisQueueContext, replier: Replier | undefined): Result {
  if (failure === undefined) return DONE;
  const steering = steered(failure);
  if (steering?.kind === 'reject') replier?.fail(steering.error);
  return steering ?? { kind: replier === undefined ? 'failed' : 'refused', error: failure };
}

function failed(
  error: unknown,
  { failure }: RedisQueueContext,
  replier: Replier | undefined,
): Result {
  const steering = steered(failure) ?? steered(error);
  if (steering?.kind === 'retryLater') return steering;
  replier?.fail(error);
  if (steering !== undefined) return steering;
  // The caller of a request gets the error as its reply, and decides what to do.
  return { kind: replier === undefined ? 'failed' : 'refused', error: failure ?? error };
}

/** The outcome that a handler asked for by throwing, if it did. */
export function steered(thrown: unknown): Result | undefined {
  if (isRetryLater(thrown)) return { kind: 'retryLater', delayMs: thrown.delayMs };
  if (isSlowDown(thrown)) {
    const slows = thrown.of === 'key' ? { slowsKey: true as const } : { slowsQueue: true as const };
    return { kind: 'retryLater', delayMs: thrown.ms, ...slows };
  }
  if (isDeadLetter(thrown)) return { kind: 'reject', error: thrown };
  return undefined;
}

/**
 * Calls a handler and settles when all its work is done. Interceptors and Observables run lazily, so only the end of
 * what it returned counts. Rejects if any of it fails.
 *
 * @param onError gets failures that occur when nobody waits for the handler any more
 */
export function runHandler(
  handler: MessageHandler,
  data: unknown,
  context: RedisQueueContext,
  replier: Replier | undefined,
  onError: (error: unknown) => void,
): Promise<void> {
  let result: unknown;
  try {
    result = handler(data, context);
  } catch (error) {
    return rejected(error);
  }
  return Promise.resolve(result).then((value) =>
    isObservable(value)
      ? follow(value, context, replier, onError)
      : answer(value, context, replier),
  );
}

/**
 * If the handler asked for an outcome, a filter's value is not a reply: the message runs again, or the caller gets an
 * error.
 */
function answer(value: unknown, context: RedisQueueContext, replier: Replier | undefined): void {
  if (replier !== undefined && steered(context.failure) === undefined) replier.only(value);
}

function follow(
  values: Observable<unknown>,
  context: RedisQueueContext,
  replier: Replier | undefined,
  onError: (error: unknown) => void,
): Promise<void> {
  const [delivery] = context.getArgs();
  const caller = (): Replier | undefined =>
    steered(context.failure) === undefined ? replier : undefined;
  return new Promise<void>((resolve, reject) => {
    const next = (value: unknown): void => {
      if (!delivery.isAborted) caller()?.next(value);
    };
    const complete = (): void => {
      caller()?.complete();
      resolve();
    };
    const subscription = values.subscribe({ next, error: reject, complete });
    delivery.onAbort(() => {
      letGo(subscription, delivery.queue, onError);
      resolve();
    });
    if (replier === undefined || subscription.closed) return;
    subscription.add(() => replier.end());
    replier.whenUnwanted(() => delivery.abort(new CallerGoneError(delivery.queue)));
  });
}
