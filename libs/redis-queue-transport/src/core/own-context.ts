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
