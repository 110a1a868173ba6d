import type { OtherTerms, QueueTerms } from '../../core/broker/broker.js';
import type { StoredQueue } from '../store/stored-queue.js';

/**
 * Records the terms by which a process serves a queue. The last record stands. Returns those that another process recorded
 * differently; undefined if all were equal, or no other consumer has a lease.
 */
export function noteTerms(
  queue: StoredQueue,
  nowMs: number,
  process: string,
  terms: QueueTerms,
): OtherTerms | undefined {
  const before = queue.termsBy;
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(terms)) {
    const known = queue.terms.get(name);
    if (known !== undefined && known !== value) values.set(name, known);
    queue.terms.set(name, value);
  }
  queue.termsBy = process;
  const live = [...queue.consumers.values()].filter((endsAtMs) => endsAtMs >= nowMs);
  const isAlone = live.length < 2;
  return isAlone || values.size === 0 || before === undefined
    ? undefined
    : { process: before, values };
}
