import { AsyncResource } from 'node:async_hooks';

/**
 * An async context for what a user's code does with one delivery. What it sets there (`AsyncLocalStorage.enterWith` in a
 * guard or a hook) lasts until the delivery ends, and reaches nothing else. It starts as a copy of the caller's context.
 *
 * Use `runInAsyncScope(function, this, ...arguments)` without a closure: this runs for each delivery.
 */
export function ownContext(): AsyncResource {
  return new AsyncResource('RedisQueueDelivery');
}

/**
 * An async context for what this library does by itself. Made at construction, it keeps loops, timers, connections and
 * their commands out of the contexts of callers. Otherwise a loop would keep the store of the request that started it for
 * ever, and a tracer would attribute all commands to that request.
 */
export function homeContext(): AsyncResource {
  return new AsyncResource('RedisQueue');
}
