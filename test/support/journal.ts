import { openSync, readFileSync, writeSync } from 'node:fs';

/** One line that a consumer process leaves behind. */
export interface JournalEntry {
  /** `aborted`: the handler's signal fired; the reason is the error's code. `stop`: SIGTERM came. */
  readonly event: 'start' | 'end' | 'aborted' | 'stop';
  readonly id: string;
  readonly attempt: number;
  readonly pid: number;
  readonly reason?: string;
}

/** Writes at once and without a buffer of its own: what was written before a SIGKILL is there after it. */
export class JournalWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(entry: Omit<JournalEntry, 'pid'>): void {
    writeSync(this.#file, `${JSON.stringify({ ...entry, pid: process.pid })}\n`);
  }
}

export function readJournal(path: string): JournalEntry[] {
  return readFileSync(path, { encoding: 'utf8', flag: 'a+' })
    .split('\n')
    .filter((line) => line.endsWith('}')) // the last one may be half written
    .map((line) => JSON.parse(line) as JournalEntry); // written by JournalWriter
}
