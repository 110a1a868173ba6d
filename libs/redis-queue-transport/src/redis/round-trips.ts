/**
 * Keeps the time of one connection's round trips. Answers come in the order of the commands, so that it is enough to
 * count what is pending. Times are those of `performance.now()`.
 */
export class RoundTrips {
  #pending = 0;
  #answeredAt: number | undefined;
  /** While something is pending: when the first command was sent, or the last answer came. */
  #waitingSince = 0;

  get pending(): number {
    return this.#pending;
  }

  /** A command is sent. */
  begin(): void {
    if (this.#pending === 0) this.#waitingSince = performance.now();
    this.#pending += 1;
  }

  answered(): void {
    this.#answeredAt = performance.now();
    this.#waitingSince = this.#answeredAt;
  }

  /** A command is over, answered or not. */
  end(): void {
    this.#pending -= 1;
  }

  /** Undefined before the first answer. */
  sinceAnswerMs(now: number): number | undefined {
    return this.#answeredAt === undefined ? undefined : now - this.#answeredAt;
  }

  /** For how long an answer has been due, in ms; 0 while none is. */
  silentMs(now: number): number {
    return this.#pending === 0 ? 0 : now - this.#waitingSince;
  }
}
