import type { Renewal, SeenLease } from '../broker/lease.js';

/** When a renewal was sent and when its reply arrived, in ms of this process's monotonic clock. */
export interface LookTimes {
  readonly askedAt: number;
  readonly answeredAt: number;
}

interface Sighting {
  readonly endsAtMs: number;
  /** How much longer it must stay unchanged before it counts as ended. */
  readonly leftMs: number;
}

/**
 * A healthy consumer renews after a third of its lease. This part of a lease leaves time for two renewals. It is certain
 * even if Redis's clock is set forward: no consumer is taken to be gone before, and none relies on its lease for longer.
 */
export const CERTAIN_PART = 0.6;
/** Looks come once in each third of a lease. A look after more than half a lease is late. */
const LATE_PART = 1 / 2;
/** A late look counts as this part of a lease. */
const LATE_COUNTS_PART = 1 / 6;
/** How far Redis's clock and ours may drift apart between two looks, as a part of the lease. */
const STEP_PART = 1 / 10;

/**
 * Tells leases that have ended from those that only seem so, by comparing successive looks.
 *
 * A lease ends at a time of Redis's clock, and that clock can be set forward or back, by seconds or hours. So the clock
 * is not enough: a lease counts as ended when its end has stayed the same, look after look, for as long as it had left
 * (and at least for the time of two renewals), by the monotonic clock of this process.
 *
 * Time in which nobody could have renewed must not count: an outage of Redis, or of a shared machine. It shows in late
 * looks. These still count a little, since some processes are always late.
 */
export class EndedLeases {
  #sightings = new Map<string, Sighting>();
  #last: (LookTimes & { readonly nowMs: number }) | undefined;
  /** By how many ms Redis's clock was last set back; 0 if never. */
  #setBackMs = 0;

  constructor(private readonly leaseMs: number) {}

  /** Takes what a renewal showed, and returns which of its leases have ended. */
  look({ nowMs, doubtful }: Renewal, times: LookTimes): readonly SeenLease[] {
    const passedMs = this.#passedMs(times);
    this.#noticeStep(nowMs, times);
    this.#last = { ...times, nowMs };
    const before = this.#sightings;
    this.#sightings = new Map();
    for (const { consumer, endsAtMs } of doubtful) {
      const known = before.get(consumer);
      const countedMs = known?.endsAtMs === endsAtMs ? known.leftMs - passedMs : Infinity;
      // Less may be left than was counted: the clock was set forward since.
      const leftMs = Math.min(countedMs, this.#waitMs(endsAtMs - nowMs));
      this.#sightings.set(consumer, { endsAtMs, leftMs });
    }
    return doubtful.filter(({ consumer }) => (this.#sightings.get(consumer)?.leftMs ?? 1) <= 0);
  }

  /** How much the time since the last look counts for. */
  #passedMs({ askedAt, answeredAt }: LookTimes): number {
    if (this.#last === undefined) return 0;
    const isLate = answeredAt - this.#last.answeredAt > LATE_PART * this.leaseMs;
    return isLate ? LATE_COUNTS_PART * this.leaseMs : askedAt - this.#last.answeredAt;
  }

  #noticeStep(nowMs: number, { askedAt }: LookTimes): void {
    if (this.#last === undefined) return;
    const setBackMs = askedAt - this.#last.answeredAt - (nowMs - this.#last.nowMs);
    if (setBackMs > STEP_PART * this.leaseMs) this.#setBackMs = setBackMs;
  }

  /**
   * How long a lease with this much left must stay unchanged. A lease with more left than our whole lease belongs to a
   * consumer with a longer lease, or was written before the clock was set back.
   */
  #waitMs(leftMs: number): number {
    const leastMs = CERTAIN_PART * this.leaseMs;
    if (leftMs <= this.leaseMs) return Math.max(leastMs, leftMs);
    if (leftMs <= this.#setBackMs || this.#setBackMs === 0) return Infinity;
    return Math.max(leastMs, leftMs - this.#setBackMs);
  }
}
