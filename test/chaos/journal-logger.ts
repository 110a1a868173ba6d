import { ConsoleLogger } from '@nestjs/common';
import type { JournalWriter, Note } from '../support/journal.js';

/** What the library says of one message or of its lease, and what that is in a journal. */
const SAYINGS: readonly (readonly [RegExp, (...groups: string[]) => Note])[] = [
  [
    /^Attempt (\d+) of message (\S+) .*failed; (.*)$/,
    (attempt = '', id, reason) => ({ event: 'retried', attempt: Number(attempt), id, reason }),
  ],
  [
    /^Parked message (\S+) .*dead letters: (\w+)/,
    (id, reason) => ({ event: 'parked', id, reason }),
  ],
  [
    /^Did not run attempt (\d+) of message (\S+) .*: expired/,
    (attempt = '', id) => ({ event: 'expired', attempt: Number(attempt), id }),
  ],
];

/** Nest's log, of which what concerns one message goes into the journal instead. */
export class JournalLogger extends ConsoleLogger {
  constructor(
    private readonly journal: JournalWriter,
    /** The queue whose messages and lease matter. */
    private readonly queue: string,
  ) {
    super({ logLevels: ['error', 'warn'], colors: false });
  }

  override debug(message: unknown): void {
    this.#noted(message);
  }

  override warn(message: unknown, ...rest: unknown[]): void {
    if (String(message).startsWith(`Lost the lease on "${this.queue}"`))
      this.journal.write({ event: 'leaseLost' });
    if (!this.#noted(message)) super.warn(message, ...rest);
  }

  override error(message: unknown, ...rest: unknown[]): void {
    if (!this.#noted(message)) super.error(message, ...rest);
  }

  #noted(message: unknown): boolean {
    if (!String(message).includes(` of "${this.queue}"`)) return false;
    for (const [saying, noteOf] of SAYINGS) {
      const match = saying.exec(String(message));
      if (match === null) continue;
      this.journal.write(noteOf(...match.slice(1)));
      return true;
    }
    return false;
  }
}
