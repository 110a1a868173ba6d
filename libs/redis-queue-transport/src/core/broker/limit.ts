/** The most that all consumers of a queue together may do. */
export interface QueueLimit {
  /** How many messages they may hold at once; undefined for any number. */
  readonly running: number | undefined;
  /** How many messages they may take in `perMs`; undefined for any number. */
  readonly rate: number | undefined;
  readonly perMs: number;
}

/** How a limit stands in the terms of a queue: `20 running, 50 in 1000 ms`, or `none`. */
export function limitText(limit: QueueLimit | undefined): string {
  if (limit === undefined) return 'none';
  const { running, rate, perMs } = limit;
  const parts: string[] = [];
  if (running !== undefined) parts.push(`${running} running`);
  if (rate !== undefined) parts.push(`${rate} in ${perMs} ms`);
  return parts.join(', ');
}

const LIMIT_TEXT = /^(?:(\d{1,15}) running)?(?:(?:^|, )(\d{1,15}) in (\d{1,15}) ms)?$/;
const DEFAULT_PER_MS = 1_000;

/** The limit that {@link limitText} wrote; undefined for any other text. */
export function limitIn(text: string | null | undefined): QueueLimit | undefined {
  const [, running, rate, perMs] = LIMIT_TEXT.exec(text ?? '') ?? [];
  if (running === undefined && rate === undefined) return undefined;
  return {
    running: running === undefined ? undefined : Number(running),
    rate: rate === undefined ? undefined : Number(rate),
    perMs: Number(perMs ?? DEFAULT_PER_MS),
  };
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

/**
 * How far the next message is ahead of the time, if all come at equal intervals. If that is more than a burst, another limit
 * was kept before: one may start.
 */
export function aheadUs({ intervalUs, burst }: Pace, nextAtUs: number, nowUs: number): number {
  const ahead = Math.max(0, nextAtUs - nowUs);
  return ahead > (burst + 1) * intervalUs ? (burst - 1) * intervalUs : ahead;
}

/** In how many ms the next message may start; 0 if it may now. */
export function startsInMs(pace: Pace, nextAtUs: number, nowUs: number): number {
  const inUs = aheadUs(pace, nextAtUs, nowUs) + (1 - pace.burst) * pace.intervalUs;
  return inUs <= 0 ? 0 : Math.max(1, Math.ceil(inUs / 1_000));
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
