import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { JournalEntry, JournalEvent } from '../support/journal.js';

/** Reads what was added to some journals since it looked last. */
export class JournalTail {
  readonly #positions = new Map<string, number>();
  readonly #chunk = Buffer.alloc(1_048_576);

  /** @param paths of the journals; there may be more of them later */
  constructor(private readonly paths: () => readonly string[]) {}

  skip(): void {
    this.#added();
  }

  hasNew(event: JournalEvent): boolean {
    return this.#added().includes(`"event":"${event}"`);
  }

  /** Those that were written since. */
  entries(): JournalEntry[] {
    return this.#added()
      .split('\n')
      .filter((line) => line.endsWith('}')) // the last one of a process that was killed may be half written
      .map((line) => JSON.parse(line) as JournalEntry); // written by JournalWriter
  }

  #added(): string {
    return this.paths()
      .map((path) => this.#addedTo(path))
      .join('');
  }

  #addedTo(path: string): string {
    if (!existsSync(path)) return ''; // its process has not begun
    const file = openSync(path, 'r');
    let text = '';
    let position = this.#positions.get(path) ?? 0;
    for (;;) {
      const length = readSync(file, this.#chunk, 0, this.#chunk.length, position);
      if (length === 0) break;
      text += this.#chunk.toString('utf8', 0, length);
      position += length;
    }
    closeSync(file);
    this.#positions.set(path, position);
    return text;
  }
}
