import { AsyncResource } from 'node:async_hooks';

/**
 * An async context for what a user's code does with one delivery: what it sets there (`AsyncLocalStorage.enterWith` of a
 * guard or a hook) holds until its end, and nowhere else. The new one begins as a copy of the caller's.
 *
 * `runInAsyncScope(function, this, ...arguments)`, without a closure: this runs for each delivery.
 */
export function ownContext(): AsyncResource {
  return new AsyncResource('RedisQueueDelivery');
}

/**
 * An async context for what this library does by itself: made at construction, it keeps loops, timers, connections and
 * what goes over them out of the contexts of callers. Otherwise a loop would keep the store of the request that began
 * it for ever, and a tracer would count all commands as that request's.
 */
export function homeContext(): AsyncResource {
  return new AsyncResource('RedisQueue');
}
