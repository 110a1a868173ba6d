import type { ArgumentsHost } from '@nestjs/common';
import { RpcExceptionsHandler } from '@nestjs/microservices/exceptions/rpc-exceptions-handler.js';
import { RedisQueueBatchContext } from './redis-queue-batch.context.js';
import { RedisQueueContext } from './redis-queue.context.js';

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
  Object.defineProperty(prototype, IS_REMEMBERING, { value: true });
  const handle = Reflect.get(prototype, 'handle') as (...args: unknown[]) => unknown; // called as it was called
  Reflect.set(prototype, 'handle', function (this: unknown, ...args: [unknown, ArgumentsHost]) {
    const [error, host] = args;
    for (const argument of host.getArgs<unknown[]>()) {
      if (argument instanceof RedisQueueContext || argument instanceof RedisQueueBatchContext)
        argument.failure = error ?? new Error(`The handler threw ${String(error)}.`);
    }
    return Reflect.apply(handle, this, args);
  });
}
