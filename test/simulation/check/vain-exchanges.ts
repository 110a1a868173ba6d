/** So many in this time are far more than waits, timers and news of others explain. */
const MOST = 100;
const IN_MS = 1_000;

/** Exchanges of one consumer that neither settle nor take anything: a few are usual, many are a loop that never rests. */
export class VainExchanges {
  /** When the latest were asked for. */
  #askedAtMs: number[] = [];

  constructor(private readonly violated: (what: string) => void) {}

  /** @param moved how many it settled and took */
  exchanged(askedAtMs: number, moved: number): void {
    if (moved > 0) return;
    this.#askedAtMs.push(askedAtMs);
    if (this.#askedAtMs.length <= MOST) return;
    const firstAtMs = this.#askedAtMs.shift() ?? 0;
    if (askedAtMs - firstAtMs >= IN_MS) return;
    this.violated(`asked ${MOST + 1} times in vain within ${IN_MS} ms`);
    this.#askedAtMs = [];
  }
}
