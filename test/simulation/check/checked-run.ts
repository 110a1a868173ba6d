import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import type { Scenario } from '../scenario/scenario.js';
import type { Ledger } from './ledger.js';

/** What the rules look at: the queues as they are, and what happened. */
export interface CheckedRun {
  readonly scenario: Scenario;
  readonly queues: readonly StoredQueue[];
  readonly ledger: Ledger;
  /** Whether any consumer has lost its lease. */
  readonly hasFenced: boolean;
  /** When the consumer was seen to have lost its lease; undefined if it has not. */
  fencedAtMs(consumer: string): number | undefined;
  /** The same, even if a failover has undone it. */
  firstFencedAtMs(consumer: string): number | undefined;
}
