/** What is wrong, for people. */
export interface Verdict {
  /** It cannot do its work. */
  readonly down: readonly string[];
  /** It does its work, and somebody should look. */
  readonly degraded: readonly string[];
}

/** Collects what is wrong. */
export class Findings implements Verdict {
  readonly #down = new Set<string>();
  readonly #degraded = new Set<string>();

  get down(): readonly string[] {
    return [...this.#down];
  }

  get degraded(): readonly string[] {
    return [...this.#degraded];
  }

  isDown(why: string): void {
    this.#down.add(why);
  }

  isDegraded(why: string): void {
    this.#degraded.add(why);
  }

  /** Degraded; down once it has lasted for `downAfterMs`. */
  lasts(why: string, ms: number, downAfterMs: number): void {
    if (ms >= downAfterMs) this.isDown(why);
    else this.isDegraded(why);
  }

  add({ down, degraded }: Verdict): void {
    for (const why of down) this.isDown(why);
    for (const why of degraded) this.isDegraded(why);
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
