/** Turns a count that only grows into a rate. */
export class RateMeter {
  #last: { readonly count: number; readonly atMs: number } | undefined;

  /** How much the count has grown per second since the last look; 0 at the first. */
  rate(count: number, atMs: number): number {
    const last = this.#last;
    this.#last = { count, atMs };
    if (last === undefined || atMs <= last.atMs) return 0;
    // Less than before: somebody has emptied the database.
    return Math.max(0, ((count - last.count) / (atMs - last.atMs)) * 1_000);
  }
}
