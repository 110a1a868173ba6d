import { openSync, readFileSync, writeSync } from 'node:fs';

/** What a process noted, of itself or of a message. */
export type JournalEvent =
  /** A handler; `aborted`: its signal fired, and the reason is the error's code. `heard`: a live event. */
  | 'start'
  | 'end'
  | 'aborted'
  | 'heard'
  /** A live event that is made up for when it is missed, and so many of those that no longer could be. */
  | 'told'
  | 'gap'
  /** The data was not what had been sent. */
  | 'garbled'
  /** A consumer; `expired`: not run, because its time was over. `stop`: SIGTERM came. */
  | 'retried'
  | 'deadLettered'
  | 'expired'
  | 'leaseLost'
  | 'stop'
  /** Live events were missed, for so many times as the id says. */
  | 'interrupted'
  /** A sender: before the call, and how it ended. */
  | 'sent'
  | 'confirmed'
  | 'rejected'
  | 'unknown'
  /** Likewise of a request, and of a live event. */
  | 'asked'
  | 'answered'
  | 'failed'
  | 'emitted';

export interface JournalEntry {
  readonly event: JournalEvent;
  /** Of the message; empty when the entry is about the process. */
  readonly id: string;
  /** 0 if there is none. */
  readonly attempt: number;
  readonly pid: number;
  /** By {@link machineMs}. */
  readonly atMs: number;
  readonly reason?: string;
  /** Of a sender, where it has several. */
  readonly verb?: 'enqueue' | 'bulk' | 'emit' | 'push';
  /** Of a handler, where its process has several. */
  readonly queue?: string | undefined;
  /** Of a handler of batches: the number of its batch in its process. */
  readonly batch?: number | undefined;
  /** When the message was sent, as its handler is told. */
  readonly sentAtMs?: number | undefined;
  /** Of a `sent`: what was asked for. */
  readonly delayMs?: number | undefined;
  readonly expiresInMs?: number | undefined;
}

export type Note = Partial<JournalEntry> & Pick<JournalEntry, 'event'>;

/** One clock for all processes of this machine, in ms. A wrong wall clock does not touch it. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

export function journalEntry(note: Note): JournalEntry {
  return { atMs: machineMs(), id: '', attempt: 0, pid: process.pid, ...note };
}

/** Writes at once and without a buffer of its own: what was written before a SIGKILL is there after it. */
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
    .filter((line) => line.endsWith('}')) // the last one may be half written
    .map((line) => JSON.parse(line) as JournalEntry); // written by JournalWriter
}
