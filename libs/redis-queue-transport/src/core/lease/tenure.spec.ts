import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeLease } from '../broker/lease.fake.js';
import { CERTAIN_PART } from './ended-leases.js';
import { Tenure } from './tenure.js';
import { FakeRuntime } from '../process/runtime.fake.js';
import type { LeaseKeeperEvents } from './lease-keeper.js';

const LEASE_MS = 30_000;

let tenure: Tenure;
let losses = 0;

/** @param agoMs how long ago its lease was requested */
function begin(lease: FakeLease, agoMs = 0): Tenure {
  losses = 0;
  const runtime = new FakeRuntime();
  const events: LeaseKeeperEvents = {
    lost: () => (losses += 1),
    reclaimed: () => undefined,
    deadLettersDropped: () => undefined,
    failed: () => undefined,
  };
  tenure = new Tenure(lease, LEASE_MS, runtime.now() - agoMs, events, runtime);
  return tenure;
}

afterEach(() => tenure.stopKeeping());

describe('a tenure', () => {
  test('is over once it is ended, and ends only once', () => {
    begin(new FakeLease());

    expect(tenure.isOver).toBe(false);
    expect([tenure.end(), tenure.end()]).toEqual([true, false]);
    expect(tenure.isOver).toBe(true);
  });

  test('is sure for as long as others leave it its lease, counted from the request', () => {
    expect(begin(new FakeLease(), CERTAIN_PART * LEASE_MS - 1_000).isSure).toBe(true);
    expect(begin(new FakeLease(), CERTAIN_PART * LEASE_MS).isSure).toBe(false);
  });

  test('renews its lease out of turn to be sure again', async () => {
    const lease = new FakeLease();
    begin(lease, LEASE_MS);

    await tenure.makeSure();

    expect([lease.renewals, tenure.isSure, losses]).toEqual([1, true, 0]);
  });

  test('reports that its lease is lost when Redis says so', async () => {
    const lease = new FakeLease();
    lease.renewal = () => Promise.resolve('leaseLost');
    begin(lease, LEASE_MS);

    await tenure.makeSure();

    expect(losses).toBe(1);
  });
});
