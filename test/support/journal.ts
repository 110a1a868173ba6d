import { openSync, readFileSync, writeSync } from 'node:fs';

/** What a process notes about itself or about a message. */
export type JournalEvent =
  /**
   * By a handler. `threw`: it failed, which not every program notes. `aborted`: its signal fired; the reason is the code of
   * the error. `heard`: a live event.
   */
  | 'start'
  | 'end'
  | 'threw'
  | 'aborted'
  | 'heard'
  /** `told`: a live event that is recovered if it was missed. `gap`: how many of those were missed for good. */
  | 'told'
  | 'gap'
  /** The data differed from what was sent. */
  | 'garbled'
  /** By a consumer. `expired`: not run, because its time was over. `stop`: SIGTERM came. */
  | 'retried'
  | 'deadLettered'
  | 'expired'
  | 'leaseLost'
  | 'stop'
  /** Live events were missed; the id says how many times. */
  | 'interrupted'
  /** By a sender: before the call, and how it ended. */
  | 'sent'
  | 'confirmed'
  | 'rejected'
  | 'unknown'
  /** Likewise for a request, and for a live event. */
  | 'asked'
  | 'answered'
  | 'failed'
  | 'emitted';

export interface JournalEntry {
  readonly event: JournalEvent;
  /** The id of the message; empty if the entry is about the process. */
  readonly id: string;
  /** 0 if there is none. */
  readonly attempt: number;
  readonly pid: number;
  /** By {@link machineMs}. */
  readonly atMs: number;
  readonly reason?: string;
  /** In entries of a sender that uses several. */
  readonly verb?:
    'enqueue' | 'bulk' | 'emit' | 'push' | 'keyed' | 'limited' | 'bounded' | 'collected';
  /** In entries of a handler whose process has several. */
  readonly queue?: string | undefined;
  /** In entries of a batch handler: the number of the batch in its process. */
  readonly batch?: number | undefined;
  /** When the message was sent, as its handler knows it. */
  readonly sentAtMs?: number | undefined;
  /** In a `sent` entry: the settings of the message. */
  readonly delayMs?: number | undefined;
  readonly expiresInMs?: number | undefined;
  readonly key?: string | undefined;
}

export type Note = Partial<JournalEntry> & Pick<JournalEntry, 'event'>;

/** One clock for all processes of this machine, in ms. A wrong wall clock does not affect it. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

export function journalEntry(note: Note): JournalEntry {
  return { atMs: machineMs(), id: '', attempt: 0, pid: process.pid, ...note };
}

/** Writes at once and without a buffer, so that everything written before a SIGKILL is there after it. */
export class JournalWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(note: Note): void {
    writeSync(this.#file, `${JSON.stringify(journalEntry(note))}\n`);
  }
}

export function readJournal(path: string): JournalEntry[] {
  return readFileSync(path, { encoding: 'utf8', flag: 'a+' })
    .split('\n')
    .filter((line) => line.endsWith('}')) // the last one may be incomplete
    .map((line) => JSON.parse(line) as JournalEntry); // written by JournalWriter
}
