/** A call that waits at the store, on a connection of its own. */
export class BlockedCall {
  isOver = false;
  isAnswered = false;
  #isStarted = false;
  #unblock: () => void = () => undefined;
  /** Executes it. */
  begin: () => () => void = () => () => undefined;

  constructor(
    readonly action: string,
    /** How many failovers were before it was sent. */
    readonly term: number,
    readonly fail: (error: Error) => void,
  ) {}

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#unblock = this.begin();
  }

  end(): void {
    if (this.#isStarted) this.#unblock();
  }

  /** After its connection was lost: it takes what is there, or ends. */
  endLate(): void {
    if (this.#isStarted) this.#unblock();
    else this.start();
  }
}
