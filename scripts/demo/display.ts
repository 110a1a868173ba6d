export interface DisplayStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Prints what happens and, on a terminal, one changing line below it that shows how far the demo is. */
export class Display {
  #current = '';

  constructor(private readonly stream: DisplayStream) {}

  /** Prints something that happened, and lets it stand. */
  note(text: string): void {
    const current = this.#current;
    this.#erase();
    this.stream.write(`${text}\n`);
    if (current !== '') this.#draw(current);
  }

  /** Shows the current state in place of the last one. Only on a terminal. */
  update(text: string): void {
    if (this.stream.isTTY === true) this.#draw(text);
  }

  /** Removes the line with the state. */
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
