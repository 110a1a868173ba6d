export interface DisplayStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const PLAIN_LINE_EVERY_MS = 1_000;

/** Shows how far the demo is: one line that changes on a terminal, a line a second elsewhere. */
export class Display {
  #current = '';
  #lastPlainLineAt = -Infinity;

  constructor(private readonly stream: DisplayStream) {}

  /** Something that happened; stays to be read. */
  note(text: string): void {
    const current = this.#current;
    this.#erase();
    this.stream.write(`${text}\n`);
    if (current !== '') this.#draw(current);
  }

  /** How things stand; takes the place of what was shown before. */
  update(text: string): void {
    if (this.stream.isTTY === true) {
      this.#draw(text);
    } else if (performance.now() - this.#lastPlainLineAt >= PLAIN_LINE_EVERY_MS) {
      this.#lastPlainLineAt = performance.now();
      this.stream.write(`${text}\n`);
    }
  }

  /** Leaves the last state to be read. */
  end(): void {
    if (this.#current !== '') this.stream.write('\n');
    this.#current = '';
  }

  #draw(text: string): void {
    // A line that wraps could not be erased again. Some terminals say 0 for "unknown".
    const { columns = 0 } = this.stream;
    this.#current = text.slice(0, (columns > 0 ? columns : 80) - 1);
    this.stream.write(`\r\u001b[K${this.#current}`);
  }

  #erase(): void {
    if (this.#current !== '') this.stream.write('\r\u001b[K');
    this.#current = '';
  }
}
