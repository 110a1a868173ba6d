import { EARLIEST } from '../../core/events/history-start.js';

/** Where a part of a stream begins, in Redis's syntax: at an entry, or at the oldest one. */
export function firstEntry(start: string): string {
  return start === EARLIEST ? '-' : start;
}
