import { IntrinsicException } from '@nestjs/common';
import type { ArgumentsHost } from '@nestjs/common';
import { BaseRpcExceptionFilter, RpcException } from '@nestjs/microservices';
import { RpcExceptionsHandler } from '@nestjs/microservices/exceptions/rpc-exceptions-handler.js';
import { RedisQueueBatchContext } from '../context/redis-queue-batch.context.js';
import { RedisQueueContext } from '../context/redis-queue.context.js';

/** One for each copy of this package: it knows the contexts of its own alone. */
const IS_REMEMBERING = Symbol('nestjs-redis-queue-transport.remember-failures');

/**
 * Lets the context of a delivery remember what its handler really threw. Nest's filters turn a plain error into
 * "Internal server error" before a transport sees it, a filter of the user's may make a value or nothing of any error,
 * and Nest offers no other place to learn of it. Other transports and the filters themselves are not affected.
 */
export function rememberFailures(): void {
  const { prototype } = RpcExceptionsHandler;
  if (IS_REMEMBERING in prototype) return;
  keepForOurLog();
  Object.defineProperty(prototype, IS_REMEMBERING, { value: true });
  const handle = Reflect.get(prototype, 'handle') as (...args: unknown[]) => unknown; // called as it was called
  Reflect.set(prototype, 'handle', function (this: unknown, ...args: [unknown, ArgumentsHost]) {
    const [error, host] = args;
    const context = ownContextIn(host);
    if (context !== undefined)
      context.failure = error ?? new Error(`The handler threw ${String(error)}.`);
    return Reflect.apply(handle, this, args);
  });
}

/** What Nest's own filter does not log, and of which it tells the caller no more than of any error. */
class Unlogged extends IntrinsicException {}

/**
 * Nest's own filter logs a plain error with its stack, and an `HttpException` not at all, and says nothing of the message.
 * What becomes of a delivery is logged by its consumer, with the cause: once is enough.
 */
function keepForOurLog(): void {
  const { prototype } = BaseRpcExceptionFilter;
  const handleUnknownError: unknown = Reflect.get(prototype, 'handleUnknownError');
  const caught = Reflect.get(prototype, 'catch') as (...args: unknown[]) => unknown; // called as it was called
  /** A filter of the user's may tell and log more than Nest's. */
  const isReplaced = (filter: object): boolean =>
    Reflect.get(filter, 'handleUnknownError') !== handleUnknownError;
  Reflect.set(prototype, 'catch', function (this: object, error: unknown, host: ArgumentsHost) {
    const context = ownContextIn(host);
    if (context === undefined || error instanceof RpcException || isReplaced(this))
      return Reflect.apply(caught, this, [error, host]);
    context.isUntold = true;
    return Reflect.apply(caught, this, [new Unlogged(), host]);
  });
}

function ownContextIn(host: ArgumentsHost): RedisQueueContext | RedisQueueBatchContext | undefined {
  for (const argument of host.getArgs<unknown[]>())
    if (argument instanceof RedisQueueContext || argument instanceof RedisQueueBatchContext)
      return argument;
  return undefined;
}
