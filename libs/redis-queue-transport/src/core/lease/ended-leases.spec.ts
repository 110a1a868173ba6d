import { describe, expect, test } from '@jest/globals';
import { EndedLeases } from './ended-leases.js';

const LEASE_MS = 30_000;
const INTERVAL_MS = LEASE_MS / 3;
/** How long a renewal takes to Redis and back. */
const TRIP_MS = 4;
const HOUR_MS = 3_600_000;

/** A consumer that looks at leases, with its own clock and Redis's. */
class Looker {
  readonly leases = new EndedLeases(LEASE_MS);
  /** By the looker's monotonic clock. */
  nowMs = 5_000;
  redisNowMs = 1_700_000_000_000;

  passes(ms: number): void {
    this.nowMs += ms;
    this.redisNowMs += ms;
  }

  /** Sets Redis's clock. */
  step(ms: number): void {
    this.redisNowMs += ms;
  }

  /** Shows leases that are over, nearly over, or end too late. Returns whose leases have ended. */
  look(ends: Readonly<Record<string, number>> = {}): string[] {
    const askedAt = this.nowMs;
    this.passes(TRIP_MS);
    const doubtful = Object.entries(ends)
      .filter(([, endsAtMs]) => {
        const leftMs = endsAtMs - this.redisNowMs;
        return leftMs <= 0.65 * LEASE_MS || leftMs > LEASE_MS;
      })
      .map(([consumer, endsAtMs]) => ({ consumer, endsAtMs }));
    const renewal = { nowMs: this.redisNowMs, doubtful, fenced: [] };
    const ended = this.leases.look(renewal, { askedAt, answeredAt: this.nowMs });
    return ended.map(({ consumer }) => consumer);
  }

  /** Looks at each interval until a lease has ended. Returns how long that took. */
  until(ends: Readonly<Record<string, number>>, atMostMs = 2 * LEASE_MS): number {
    const beganAt = this.nowMs;
    while (this.look(ends).length === 0) {
      if (this.nowMs - beganAt > atMostMs) return Infinity;
      this.passes(INTERVAL_MS);
    }
    return this.nowMs - beganAt;
  }
}

test.each([0, 0.2, 0.34, 0.5, 0.7, 0.99])(
  'a lease that is no longer renewed ends within its time and one look, by looks that begin %s of a look later',
  (part) => {
    for (const silentForMs of [0, 0.1, 0.2, 0.3].map((each) => each * LEASE_MS)) {
      const looker = new Looker();
      looker.look();
      const diedAt = looker.nowMs;
      const endsAtMs = looker.redisNowMs + LEASE_MS - silentForMs;
      looker.passes(part * INTERVAL_MS);
      looker.until({ dead: endsAtMs });
      expect(looker.redisNowMs).toBeGreaterThanOrEqual(endsAtMs);
      expect(looker.nowMs - diedAt).toBeLessThan(LEASE_MS + 1.1 * INTERVAL_MS);
    }
  },
);

test('a lease that ends and ends later again has not ended', () => {
  const looker = new Looker();
  for (let look = 0; look < 10; look += 1) {
    expect(looker.look({ late: looker.redisNowMs + 0.1 * LEASE_MS })).toEqual([]);
    looker.passes(INTERVAL_MS);
  }
});

describe('a clock that is set forward', () => {
  test.each([5_000, 20_000, 40_000, HOUR_MS])('by %s ms ends no lease', (stepMs) => {
    for (const sinceRenewalMs of [0, 3_000, 6_000, 9_999]) {
      const looker = new Looker();
      looker.look();
      looker.passes(INTERVAL_MS);
      const healthy = looker.redisNowMs + LEASE_MS - sinceRenewalMs;
      looker.step(stepMs);
      // The healthy consumer renews once in each third of its lease, here somewhat later.
      expect(looker.look({ healthy })).toEqual([]);
      looker.passes(INTERVAL_MS);
      expect(looker.look({ healthy })).toEqual([]);
      looker.passes(INTERVAL_MS);
      expect(looker.look({ healthy: looker.redisNowMs + 0.6 * LEASE_MS })).toEqual([]);
    }
  });

  test('ends the lease of a dead consumer, after the time of two renewals', () => {
    const looker = new Looker();
    looker.look();
    const dead = looker.redisNowMs + LEASE_MS;
    looker.step(HOUR_MS);
    looker.passes(INTERVAL_MS);
    expect(looker.until({ dead })).toBeLessThan(0.7 * LEASE_MS);
  });
});

describe('a clock that is set back', () => {
  test.each([5_000, 20_000, 40_000, HOUR_MS])('by %s ms delays no end for long', (stepMs) => {
    const looker = new Looker();
    looker.look();
    const dead = looker.redisNowMs + LEASE_MS;
    looker.passes(INTERVAL_MS);
    looker.step(-stepMs);
    const tookMs = looker.until({ dead }, HOUR_MS);
    expect(tookMs).toBeGreaterThan(0.6 * LEASE_MS);
    // If the new time is near the old one, the lease can look renewed for as long as the step.
    expect(tookMs).toBeLessThan(1.1 * LEASE_MS + Math.min(stepMs, 1.4 * LEASE_MS));
  });

  test('and right again delays no end, even if nobody saw the greater step', () => {
    const looker = new Looker();
    const dead = looker.redisNowMs + LEASE_MS;
    looker.step(-HOUR_MS);
    looker.look({ dead });
    looker.passes(INTERVAL_MS);
    looker.step(-LEASE_MS);
    looker.look({ dead });
    looker.passes(INTERVAL_MS);
    looker.step(HOUR_MS + LEASE_MS);
    expect(looker.until({ dead })).toBeLessThan(1.1 * LEASE_MS);
  });

  test('ends no lease that is longer than ours, renewed before or after', () => {
    for (const longMs of [10 * LEASE_MS, 3 * HOUR_MS]) {
      const looker = new Looker();
      looker.look();
      const before = looker.redisNowMs + longMs;
      looker.step(-HOUR_MS);
      looker.passes(INTERVAL_MS);
      const after = looker.redisNowMs + longMs;
      expect(looker.until({ before, after }, longMs / 3)).toBe(Infinity);
    }
  });
});

test('a longer lease than ours does not end early', () => {
  const looker = new Looker();
  looker.look();
  const longer = looker.redisNowMs + 10 * LEASE_MS;
  expect(looker.until({ longer }, 9 * LEASE_MS)).toBe(Infinity);
});

describe('looks that are late', () => {
  test('end no lease at first: others could not renew either', () => {
    const looker = new Looker();
    looker.look();
    looker.passes(INTERVAL_MS);
    const other = looker.redisNowMs + 0.5 * LEASE_MS;
    expect(looker.look({ other })).toEqual([]);
    looker.passes(10 * LEASE_MS); // an outage
    expect(looker.look({ other })).toEqual([]);
    looker.passes(INTERVAL_MS);
    expect(looker.look({ other })).toEqual([]);
  });

  test('do end it if they are always late', () => {
    const looker = new Looker();
    const dead = looker.redisNowMs + LEASE_MS;
    let looks = 0;
    while (looker.look({ dead }).length === 0 && looks < 20) {
      looker.passes(1.6 * INTERVAL_MS);
      looks += 1;
    }
    expect(looks).toBeLessThan(10);
  });
});

test('a lease whose end is not a number never ends', () => {
  const looker = new Looker();
  expect(looker.until({ odd: NaN }, 10 * LEASE_MS)).toBe(Infinity);
});
