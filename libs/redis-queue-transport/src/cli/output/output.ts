import { printable } from '../../core/message/printable.js';
import { withoutSecrets } from '../connection/secrets.js';
import { jsonLine } from './json.js';
import { table } from './table.js';
import type { Column } from './table.js';
import type { Terminal } from './terminal.js';

/** Where output goes: results to one stream, everything about them to another. */
export interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

/** What a command prints, for people or as JSON. */
export class Output {
  #secrets: readonly string[] = [];

  constructor(
    private readonly streams: Streams,
    readonly isJson: boolean,
    /** For the results. */
    readonly terminal: Terminal,
    /** For everything about them. */
    private readonly notes: Terminal,
  ) {}

  /** From now on, leaves these out of everything about the results. */
  hide(secrets: readonly string[]): void {
    this.#secrets = secrets;
  }

  /** Prints JSON if asked for, else the text for people, whose parts were made harmless. */
  result(value: unknown, text: () => string): void {
    this.#write(this.isJson ? jsonLine(value) : text());
  }

  /** The same for a list; if it is empty, people are told `empty`. */
  rows<Row>(
    value: unknown,
    rows: readonly Row[],
    columns: readonly Column<Row>[],
    empty: string,
  ): void {
    if (!this.isJson && rows.length === 0) return this.note(empty);
    this.result(value, () => table(columns, rows, this.terminal));
  }

  /** Prints something about the results, for people only, and never among the results. */
  note(text: string): void {
    if (!this.isJson) this.#say(`${this.notes.dim(this.#shown(text))}\n`);
  }

  /** The same, if programs need to see it too, in a log. */
  warn(text: string): void {
    this.#say(`${this.notes.warn('warning:')} ${this.#shown(text)}\n`);
  }

  error(text: string, hint?: string): void {
    this.#say(`${this.notes.bad('error:')} ${this.#shown(text)}\n`);
    if (hint !== undefined) this.#say(`  ${this.#shown(hint)}\n`);
  }

  /** Prints a line that the next one overwrites. Prints nothing if the stream is not a terminal. */
  progress(line: string): void {
    if (this.hasProgress) this.#say(`\r${line}\u001b[K`);
  }

  endProgress(): void {
    if (this.hasProgress) this.#say('\r\u001b[K');
  }

  get hasProgress(): boolean {
    return this.streams.err.isTTY;
  }

  /** Begins a new screen on a terminal; elsewhere, the parts follow each other. */
  clearScreen(): void {
    if (this.streams.out.isTTY && !this.isJson) this.#write('\u001b[H\u001b[2J');
  }

  get width(): number {
    return this.streams.out.columns ?? 100;
  }

  #write(text: string): void {
    this.streams.out.write(text);
  }

  #shown(text: string): string {
    return printable(withoutSecrets(text, this.#secrets));
  }

  #say(text: string): void {
    this.streams.err.write(text);
  }
}
