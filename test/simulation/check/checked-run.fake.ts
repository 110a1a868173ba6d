import type { CheckedRun } from './checked-run.js';

/** A run in which nobody lost a lease. */
export function calmRun(parts: Pick<CheckedRun, 'queues' | 'ledger' | 'scenario'>): CheckedRun {
  return {
    ...parts,
    hasFenced: false,
    fencedAtMs: () => undefined,
    firstFencedAtMs: () => undefined,
  };
}
