import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Renewal } from '../broker/lease.js';
import { RedisUnavailableError } from '../errors/call-errors.js';
import { FakeLease } from '../broker/lease.fake.js';
import { CERTAIN_PART } from './ended-leases.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { LeaseKeeperEvents } from './lease-keeper.js';
import { FakeRuntime } from '../process/runtime.fake.js';

const LEASE_MS = 30_000;
const QUIET: Renewal = { nowMs: 0, doubtful: [], fenced: [] };

let lease: FakeLease;
let runtime: FakeRuntime;
let told: string[];
let keeper: LeaseKeeper;

beforeEach(() => {
  [lease, runtime, told] = [new FakeLease(), new FakeRuntime(), []];
});

afterEach(async () => {
  await keeper.stop();
});

function keep(): LeaseKeeper {
  const events: LeaseKeeperEvents = {
    lost: () => told.push('lost'),
    reclaimed: (consumer, deliveries) => told.push(`reclaimed ${deliveries} of ${consumer}`),
    deadLettersDropped: (letters) => told.push(`dropped ${letters}`),
    failed: (error) => told.push((error as Error).name), // The fake only fails with errors.
  };
  keeper = new LeaseKeeper(lease, LEASE_MS, runtime.now(), events, runtime);
  return keeper;
}

/** The results of the next renewals. The last one is repeated. */
function renewals(...answers: (Renewal | 'leaseLost' | Error)[]): void {
  lease.renewal = () => {
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? QUIET;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
}

/** Lets time pass until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pass(LEASE_MS / 30);
}

async function pass(ms: number): Promise<void> {
  await new Promise(setImmediate);
  runtime.advance(ms);
  await new Promise(setImmediate);
}

describe('a lease keeper', () => {
  test('renews, again and again, until it is stopped', async () => {
    keep().start();
    await pass(LEASE_MS / 3 - 1);
    expect(lease.renewals).toBe(1);
    await pass(1);
    await pass(LEASE_MS / 3);
    expect(lease.renewals).toBe(3);
    await keeper.stop();

    await pass(2 * LEASE_MS);

    expect([lease.renewals, told, runtime.timers]).toEqual([3, [], 0]);
  });

  test('reports a lost lease, and no longer renews it', async () => {
    renewals('leaseLost');
    keep().start();
    await until(() => told.length > 0);
    await keeper.stop();

    expect([told, lease.renewals]).toEqual([['lost'], 1]);
  });

  test('tries again if Redis does not answer', async () => {
    renewals(new RedisUnavailableError('away'), QUIET);
    keep().start();
    await until(() => lease.renewals >= 2);

    expect(told).toEqual(['RedisUnavailableError']);
  });

  test('reports dropped dead letters', async () => {
    renewals({ ...QUIET, deadLettersDropped: 7 }, QUIET);
    keep().start();
    await until(() => told.length > 0);

    expect(told).toEqual(['dropped 7']);
  });

  test('takes back what late commands took, even if that fails for one consumer', async () => {
    renewals({ ...QUIET, fenced: ['bad', 'good'] }, QUIET);
    const reclaim = lease.reclaim.bind(lease);
    lease.reclaim = (consumer) =>
      consumer === 'bad' ? Promise.reject(new RedisUnavailableError('no')) : reclaim(consumer);
    keep().start();
    await until(() => told.length >= 2);

    expect(told).toEqual(['RedisUnavailableError', 'reclaimed 1 of good']);
  });

  test('takes back from a consumer whose lease stays unchanged for long enough', async () => {
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
  /** The machine sleeps for longer than the lease, while the monotonic clock stands still. */
  function sleep(): void {
    runtime.setWallForward(LEASE_MS + 1);
  }

  test('is renewed out of turn, once, if it must be sure', async () => {
    keep();
    runtime.advance(LEASE_MS);
    expect(keeper.isSure).toBe(false);

    await keeper.makeSure();
    await keeper.makeSure();

    expect([keeper.isSure, keeper.sureUntil, lease.renewals]).toEqual([
      true,
      runtime.now() + CERTAIN_PART * LEASE_MS,
      1,
    ]);
  });

  test("is not sure any more when another takes it back, after Redis's clock was set forward by an hour", async () => {
    const unsure = keep();
    const silent = { consumer: 'silent', endsAtMs: LEASE_MS };
    lease.renewal = () =>
      Promise.resolve({ ...QUIET, nowMs: 3_600_000 + runtime.now(), doubtful: [silent] });
    keep().start();
    await until(() => told.length > 0);

    expect([told, unsure.isSure]).toEqual([['reclaimed 1 of silent'], false]);
    expect(runtime.now()).toBeLessThan(LEASE_MS);
  });

  test('is renewed if the wall clock shows that the machine slept, and again if it sleeps right afterwards', async () => {
    keep();
    for (const slept of [1, 2]) {
      sleep();
      expect(keeper.isSure).toBe(false);
      await keeper.makeSure();
      expect([keeper.isSure, lease.renewals]).toEqual([true, slept]);
    }
  });

  test('is renewed again if the machine slept during the renewal', async () => {
    keep();
    sleep();
    lease.renewal = () => {
      if (lease.renewals === 1) sleep();
      return Promise.resolve(lease.renewals === 1 ? QUIET : 'leaseLost');
    };

    await keeper.makeSure();

    expect([told, lease.renewals]).toEqual([['lost'], 2]);
  });

  test('is not renewed endlessly if the wall clock jumps with each reading', async () => {
    keep();
    const wallClock = runtime.wallClock.bind(runtime);
    runtime.wallClock = () => {
      runtime.setWallForward(2 * LEASE_MS);
      return wallClock();
    };
    expect(keeper.isSure).toBe(false);

    await keeper.makeSure();

    expect([keeper.isSure, lease.renewals]).toEqual([true, 2]);
  });

  test('is no longer renewed once the keeper has stopped', async () => {
    keep();
    await keeper.stop();
    runtime.advance(LEASE_MS);

    await keeper.makeSure();

    expect([keeper.isSure, lease.renewals]).toEqual([false, 0]);
  });
});
