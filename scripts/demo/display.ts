export interface DisplayStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Prints what happens; and below it, on a terminal, one line that changes and says how far the demo is. */
export class Display {
  #current = '';

  constructor(private readonly stream: DisplayStream) {}

  /** Something that happened; stays to be read. */
  note(text: string): void {
    const current = this.#current;
    this.#erase();
    this.stream.write(`${text}\n`);
    if (current !== '') this.#draw(current);
  }

  /** How things stand; takes the place of what was shown before. Only a terminal shows it. */
  update(text: string): void {
    if (this.stream.isTTY === true) this.#draw(text);
  }

  /** Takes away how things stand. */
  end(): void {
    this.#erase();
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
