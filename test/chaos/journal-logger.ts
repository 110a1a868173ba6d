import { ConsoleLogger } from '@nestjs/common';
import type { JournalWriter, Note } from '../support/journal.js';
import { QUEUES } from './settings.js';

/** What the library logs about one message, and the journal entry for it. */
const SAYINGS: readonly (readonly [RegExp, (...groups: string[]) => Note])[] = [
  [
    /^Attempt (\d+) of message (\S+) .*failed; (.*)$/,
    (attempt = '', id, reason) => ({ event: 'retried', attempt: Number(attempt), id, reason }),
  ],
  [
    /^Attempt (\d+) of message (\S+) .*asked to run again (.*)$/,
    (attempt = '', id, reason) => ({ event: 'retried', attempt: Number(attempt), id, reason }),
  ],
  [
    /^Dead-lettered message (\S+) .*? \((\w+)\): /,
    (id, reason) => ({ event: 'deadLettered', id, reason }),
  ],
  [
    /^Did not run attempt (\d+) of message (\S+) .*: expired/,
    (attempt = '', id) => ({ event: 'expired', attempt: Number(attempt), id }),
  ],
];

const LOST_LEASE = /^Lost the lease on "([^"]+)"/;
const OF_QUEUE = / of "([^"]+)"/;

/** Nest's log. Lines about one message go into the journal instead. */
export class JournalLogger extends ConsoleLogger {
  constructor(private readonly journal: JournalWriter) {
    super({ logLevels: ['error', 'warn'], colors: false });
  }

  override debug(message: unknown): void {
    this.#noted(message);
  }

  override warn(message: unknown, ...rest: unknown[]): void {
    const queue = queueIn(message, LOST_LEASE);
    if (queue !== undefined) this.journal.write({ event: 'leaseLost', queue });
    if (!this.#noted(message)) super.warn(message, ...rest);
  }

  override error(message: unknown, ...rest: unknown[]): void {
    if (!this.#noted(message)) super.error(message, ...rest);
  }

  #noted(message: unknown): boolean {
    const queue = queueIn(message, OF_QUEUE);
    if (queue === undefined) return false;
    for (const [saying, noteOf] of SAYINGS) {
      const match = saying.exec(String(message));
      if (match === null) continue;
      this.journal.write({ ...noteOf(...match.slice(1)), queue });
      return true;
    }
    return false;
  }
}

/** The queue that the line names, if it is one that has a book. */
function queueIn(message: unknown, where: RegExp): string | undefined {
  const queue = where.exec(String(message))?.[1];
  return queue !== undefined && QUEUES.includes(queue) ? queue : undefined;
}
