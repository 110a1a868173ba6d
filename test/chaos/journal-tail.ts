import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { JournalEntry, JournalEvent } from '../support/journal.js';

/** Reads what was added to some journals since the last look. */
export class JournalTail {
  readonly #positions = new Map<string, number>();
  readonly #chunk = Buffer.alloc(1_048_576);

  /** @param paths the paths of the journals, which may become more */
  constructor(private readonly paths: () => readonly string[]) {}

  skip(): void {
    this.#added();
  }

  hasNew(event: JournalEvent): boolean {
    return this.#added().includes(`"event":"${event}"`);
  }

  /** The entries that were added since the last look. */
  entries(): JournalEntry[] {
    return this.#added()
      .split('\n')
      .filter((line) => line.endsWith('}')) // the last one of a killed process may be incomplete
      .map((line) => JSON.parse(line) as JournalEntry); // written by JournalWriter
  }

  #added(): string {
    return this.paths()
      .map((path) => this.#addedTo(path))
      .join('');
  }

  #addedTo(path: string): string {
    if (!existsSync(path)) return ''; // its process has not started yet
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
