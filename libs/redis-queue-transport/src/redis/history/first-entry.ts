import { EARLIEST } from '../../core/events/history-start.js';

/** Where a part of a stream begins, as Redis has it: at an entry, or with what is there. */
export function firstEntry(start: string): string {
  return start === EARLIEST ? '-' : start;
}
