/** The most that all consumers of a queue together may do. */
export interface QueueLimit {
  /** How many messages they may hold at once; undefined for any number. */
  readonly running: number | undefined;
  /** How many messages they may take in `perMs`; undefined for any number. */
  readonly rate: number | undefined;
  readonly perMs: number;
}

/** The part of `rate` that may come at once. It makes up for consumers that look late, and exceeds the rate by no more. */
export const BURST_PART = 1 / 10;

/**
 * A rate as the Generic Cell Rate Algorithm knows it (ITU-T I.371): messages are an interval apart on average, and up to
 * `burst` of them may come at once after a rest. So any time of `t` ms sees at most `t / interval + burst` of them.
 */
export interface Pace {
  readonly intervalUs: number;
  readonly burst: number;
}

export function paceOf({ rate, perMs }: QueueLimit): Pace | undefined {
  if (rate === undefined) return undefined;
  const burst = Math.max(1, Math.floor(rate * BURST_PART));
  return { intervalUs: (perMs * 1_000) / rate, burst };
}

/** Messages wait although the consumer has room, because of a limit or because the queue was slowed down. */
export interface Limited {
  /** When, in ms, the next one may be taken; undefined if others must be settled first, of which the queue's news tells. */
  readonly inMs: number | undefined;
  /**
   * Each consumer that is limited by a rate looks later than that by a part of this time that it draws. So they take
   * turns, and however many they are, few of them look in vain.
   */
  readonly spreadMs: number;
  /** The queue was slowed down: what was taken and has not started goes back too. */
  readonly isSlowed: boolean;
}

/** How often, at least, one of the limited consumers should look: in this part of an interval, or of a burst. */
const LOOKS_IN_INTERVAL = 50;
const LOOKS_IN_BURST = 4;
/** Often enough even if a burst takes minutes. */
const LONGEST_LOOK_US = 25_000;

/** How long, in µs and on average, a limited queue may be without a look of any consumer. */
export function lookEveryUs({ intervalUs, burst }: Pace): number {
  const inBurst = ((burst - 1) * intervalUs) / LOOKS_IN_BURST;
  return Math.max(intervalUs / LOOKS_IN_INTERVAL, Math.min(inBurst, LONGEST_LOOK_US));
}
