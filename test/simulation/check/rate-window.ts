/**
 * What has started in the latest time of a rate. At most eleven tenths of it may, and no more than the rate itself if that
 * is low.
 */
export class RateWindow {
  #timesMs: number[] = [];

  constructor(
    private readonly rate: number,
    private readonly perMs: number,
  ) {}

  /** What was before cannot be compared with what comes. */
  clear(): void {
    this.#timesMs = [];
  }

  /** So many more start now. Returns what is wrong with that, if anything. */
  add(count: number, nowMs: number): string | undefined {
    const { perMs, rate } = this;
    const times = this.#timesMs.filter((atMs) => atMs > nowMs - perMs);
    for (let more = count; more > 0; more -= 1) times.push(nowMs);
    this.#timesMs = times;
    const most = rate < 20 ? rate : Math.floor(rate * 1.1);
    if (times.length <= most) return undefined;
    return `${times.length} were handed out in ${perMs} ms, and ${most} may`;
  }
}
