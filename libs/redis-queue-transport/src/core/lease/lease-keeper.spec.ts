import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Renewal } from '../broker/lease.js';
import { RedisUnavailableError } from '../errors/call-errors.js';
import { FakeLease } from '../broker/lease.fake.js';
import { LeaseKeeper } from './lease-keeper.js';

/** Short, as the keeper goes by Node's timers. */
const LEASE_MS = 30;
const QUIET: Renewal = { nowMs: 0, doubtful: [], fenced: [] };

let lease: FakeLease;
let told: string[];
let keeper: LeaseKeeper;

beforeEach(() => {
  [lease, told] = [new FakeLease(), []];
});

afterEach(async () => {
  jest.useRealTimers();
  jest.restoreAllMocks();
  await keeper.stop();
});

function keep(leaseMs = LEASE_MS): LeaseKeeper {
  keeper = new LeaseKeeper(lease, leaseMs, performance.now(), {
    lost: () => told.push('lost'),
    reclaimed: (consumer, deliveries) => told.push(`reclaimed ${deliveries} of ${consumer}`),
    deadLettersDropped: (letters) => told.push(`dropped ${letters}`),
    failed: (error) => told.push((error as Error).name), // the fake fails with errors alone
  });
  return keeper;
}

/** What it says to one renewal after the other, and to all further ones the last of it. */
function renewals(...answers: (Renewal | 'leaseLost' | Error)[]): void {
  lease.renewal = () => {
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? QUIET;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe('a lease keeper', () => {
  test('renews, again and again, until it is stopped', async () => {
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'performance', 'setImmediate'] });
    keep().start();
    while (lease.renewals < 3) await jest.advanceTimersByTimeAsync(LEASE_MS);
    await keeper.stop();
    const before = lease.renewals;

    await jest.advanceTimersByTimeAsync(2 * LEASE_MS);

    expect([lease.renewals, told]).toEqual([before, []]);
  });

  test('tells of a lease that is lost, and renews it no more', async () => {
    renewals('leaseLost');
    keep().start();
    await until(() => told.length > 0);
    await keeper.stop();

    expect([told, lease.renewals]).toEqual([['lost'], 1]);
  });

  test('tries again where Redis does not answer', async () => {
    renewals(new RedisUnavailableError('away'), QUIET);
    keep().start();
    await until(() => lease.renewals >= 2);

    expect(told).toEqual(['RedisUnavailableError']);
  });

  test('tells of dead letters that were dropped', async () => {
    renewals({ ...QUIET, deadLettersDropped: 7 }, QUIET);
    keep().start();
    await until(() => told.length > 0);

    expect(told).toEqual(['dropped 7']);
  });

  test('takes back what late commands took, one consumer failing or not', async () => {
    renewals({ ...QUIET, fenced: ['bad', 'good'] }, QUIET);
    const reclaim = lease.reclaim.bind(lease);
    lease.reclaim = (consumer) =>
      consumer === 'bad' ? Promise.reject(new RedisUnavailableError('no')) : reclaim(consumer);
    keep().start();
    await until(() => told.length >= 2);

    expect(told).toEqual(['RedisUnavailableError', 'reclaimed 1 of good']);
  });

  test('takes back from a consumer whose lease stays as it is for long enough', async () => {
    let nowMs = 0;
    lease.renewal = () => {
      nowMs += LEASE_MS / 3;
      return Promise.resolve({ ...QUIET, nowMs, doubtful: [{ consumer: 'dead', endsAtMs: 1 }] });
    };
    keep().start();
    await until(() => told.length > 0);

    expect(told[0]).toBe('reclaimed 1 of dead');
    expect(lease.renewals).toBeGreaterThan(1);
  });
});

describe('a lease that may have ended', () => {
  const LONG_MS = 30_000;

  /** For longer than the lease: the monotonic clock stood still meanwhile. */
  function sleep(): void {
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + LONG_MS + 1);
  }

  test('is renewed out of turn, once, when somebody wants to be sure', async () => {
    keep(LONG_MS);
    const later = performance.now() + LONG_MS;
    jest.spyOn(performance, 'now').mockReturnValue(later);
    expect(keeper.isSure).toBe(false);

    await keeper.makeSure();
    await keeper.makeSure();

    expect([keeper.isSure, keeper.sureUntil, lease.renewals]).toEqual([true, later + LONG_MS, 1]);
  });

  test('is asked for where the wall clock says that the machine slept, and again if it sleeps right afterwards', async () => {
    keep(LONG_MS);
    for (const slept of [1, 2]) {
      sleep();
      expect(keeper.isSure).toBe(false);
      await keeper.makeSure();
      expect([keeper.isSure, lease.renewals]).toEqual([true, slept]);
    }
  });

  test('is asked for again where the machine slept while it was renewed', async () => {
    keep(LONG_MS);
    sleep();
    lease.renewal = () => {
      if (lease.renewals === 1) sleep();
      return Promise.resolve(lease.renewals === 1 ? QUIET : 'leaseLost');
    };

    await keeper.makeSure();

    expect([told, lease.renewals]).toEqual([['lost'], 2]);
  });

  test('is not asked for without end where the wall clock jumps on with each reading', async () => {
    keep(LONG_MS);
    let wall = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => (wall += 2 * LONG_MS));
    expect(keeper.isSure).toBe(false);

    await keeper.makeSure();

    expect([keeper.isSure, lease.renewals]).toEqual([true, 2]);
  });

  test('is no more asked for once the keeper has stopped', async () => {
    keep(LONG_MS);
    await keeper.stop();
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + LONG_MS);

    await keeper.makeSure();

    expect([keeper.isSure, lease.renewals]).toEqual([false, 0]);
  });
});
