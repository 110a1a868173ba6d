import fc from 'fast-check';
import type { QueueOrder } from '../../../libs/redis-queue-transport/src/core/broker/lease.js';
import type { QueueLimit } from '../../../libs/redis-queue-transport/src/core/broker/limit.js';
import { LIMITS } from './terms.js';

/** What kind of queue a round has. */
export interface Kind {
  readonly isEvent: boolean;
  readonly order: QueueOrder;
  readonly limit: QueueLimit | undefined;
  readonly maxLength: number | undefined;
}

export const anyKind: fc.Arbitrary<Kind> = fc.record({
  isEvent: fc.boolean(),
  order: fc.constantFrom('oldestFirst', 'newestFirst'),
  limit: fc.constantFrom(...LIMITS),
  maxLength: fc.constantFrom(undefined, undefined, 2, 6),
});
