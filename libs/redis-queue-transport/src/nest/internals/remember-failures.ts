import { IntrinsicException } from '@nestjs/common';
import type { ArgumentsHost } from '@nestjs/common';
import { BaseRpcExceptionFilter, RpcException } from '@nestjs/microservices';
import { RpcExceptionsHandler } from '@nestjs/microservices/exceptions/rpc-exceptions-handler.js';
import { RedisQueueBatchContext } from '../context/redis-queue-batch.context.js';
import { RedisQueueContext } from '../context/redis-queue.context.js';

/** One for each copy of this package, which only knows its own contexts. */
const IS_REMEMBERING = Symbol('nestjs-redis-queue-transport.remember-failures');

/**
 * Lets the context of a delivery remember what its handler really threw. Nest's filters turn a plain error into
 * "Internal server error" before a transport sees it, a user's filter may turn any error into a value or nothing, and
 * Nest offers no other place to see the error. Other transports and the filters themselves are not affected.
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

/** Errors that Nest's own filter does not log, and whose details it hides from the caller. */
class Unlogged extends IntrinsicException {}

/**
 * Nest's own filter logs a plain error with its stack, an `HttpException` not at all, and never names the message.
 * Since the consumer logs each failure with the message and the cause, Nest should not log it as well.
 */
function keepForOurLog(): void {
  const { prototype } = BaseRpcExceptionFilter;
  const handleUnknownError: unknown = Reflect.get(prototype, 'handleUnknownError');
  const caught = Reflect.get(prototype, 'catch') as (...args: unknown[]) => unknown; // called as it was called
  /** A user's filter may tell the caller more than Nest's, and log more. */
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
