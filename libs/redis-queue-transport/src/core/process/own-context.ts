import { AsyncResource } from 'node:async_hooks';

/**
 * An async context for the user's code that handles one delivery. Values that this code sets
 * (`AsyncLocalStorage.enterWith` in a guard or a hook) last until the delivery ends, and are seen nowhere else. It
 * starts as a copy of the caller's context.
 *
 * Use `runInAsyncScope(function, this, ...arguments)` without a closure: this runs for each delivery.
 */
export function ownContext(): AsyncResource {
  return new AsyncResource('RedisQueueDelivery');
}

/**
 * An async context for the library's own work. Made at construction, it keeps loops, timers, connections and their
 * commands out of the contexts of callers. Otherwise a loop would hold on to the store of the request that started it
 * for ever, and a tracer would attribute all commands to that request.
 */
export function homeContext(): AsyncResource {
  return new AsyncResource('RedisQueue');
}
