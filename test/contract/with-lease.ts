import type { LeaseTerms } from '../../libs/redis-queue-transport/src/core/broker/lease.js';

/** Terms under which nothing ends during a test. */
export const LEASE_TERMS: LeaseTerms = {
  leaseMs: 30_000,
  deadLetterLimit: undefined,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 3_600_000,
  waitMs: 300,
};

/** The answer of a call that needs the lease, which must not be lost. */
export function withLease<T>(answer: T | 'leaseLost'): T {
  if (answer === 'leaseLost') throw new Error('The lease was lost.');
  return answer;
}
