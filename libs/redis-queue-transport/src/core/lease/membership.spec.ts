import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RedisUnavailableError } from '../errors/call-errors.js';
import { Asked, FakeLease } from '../broker/lease.fake.js';
import { Membership } from './membership.js';
import type { MembershipEvents } from './membership.js';
import { FakeRuntime } from '../process/runtime.fake.js';
import type { Tenure } from './tenure.js';

const LEASE_MS = 30_000;

const turn = (): Promise<void> => new Promise(setImmediate);

let taken: FakeLease[];
let asked: Asked<FakeLease>[];
let told: string[];
let membership: Membership;
let runtime: FakeRuntime;

beforeEach(() => {
  [taken, asked, told] = [[], [], []];
  runtime = new FakeRuntime();
  const events: MembershipEvents = {
    lost: ({ lease }) => told.push(`lost ${lease.consumer}`),
    rejoined: () => told.push('rejoined'),
    reclaimed: (consumer) => told.push(`reclaimed ${consumer}`),
    deadLettersDropped: () => told.push('deadLettersDropped'),
    failed: () => told.push('failed'),
  };
  membership = new Membership(() => takeLease(), LEASE_MS, events, runtime);
});

afterEach(() => membership.leave());

function takeLease(): Promise<FakeLease> {
  const call = new Asked<FakeLease>();
  asked.push(call);
  return call.answered;
}

/** Answers the last call for a lease. */
async function give(): Promise<FakeLease> {
  const lease = new FakeLease(`lease ${taken.length + 1}`);
  taken.push(lease);
  asked.at(-1)?.answer(lease);
  await turn();
  return lease;
}

async function join(): Promise<Tenure> {
  const joined = membership.join();
  await give();
  await joined;
  return membership.tenure!;
}

describe('a membership', () => {
  test('has no tenure before it joins, and then one with its lease', async () => {
    expect([membership.tenure, membership.isSure]).toEqual([undefined, false]);

    const tenure = await join();

    expect(tenure.lease).toBe(taken[0]);
    expect(membership.isSure).toBe(true);
  });

  test('takes another lease for a lost one, and leaves the lost one', async () => {
    const first = await join();

    membership.lose(first);
    expect([membership.tenure, first.isOver, told]).toEqual([undefined, true, ['lost lease 1']]);
    await turn();
    await give();

    expect(membership.tenure?.lease).toBe(taken[1]);
    expect(taken.map(({ hasLeft }) => hasLeft)).toEqual([true, false]);
    expect(told).toEqual(['lost lease 1', 'rejoined']);
  });

  test('loses a lease once, however often and late it is told', async () => {
    const first = await join();

    membership.lose(first);
    membership.lose(first);
    await turn();
    await give();
    membership.lose(first);

    expect(told).toEqual(['lost lease 1', 'rejoined']);
    expect(membership.tenure?.isOver).toBe(false);
  });

  test('tries until it has another lease', async () => {
    membership.lose(await join());
    await turn();
    asked.at(-1)?.fail(new RedisUnavailableError('away'));
    await turn();
    expect(asked).toHaveLength(2);
    runtime.advance(1_000);
    await turn();

    const second = await give();

    expect(membership.tenure?.lease).toBe(second);
    expect(told).toEqual(['lost lease 1', 'failed', 'rejoined']);
  });

  test('takes no lease after its last', async () => {
    const first = await join();
    membership.keepLast();

    membership.lose(first);
    await turn();

    expect([asked.length, taken[0]?.hasLeft]).toEqual([1, true]);
    expect(told).toEqual(['lost lease 1', 'rejoined']);
  });

  test('learns from its keeper that a lease is lost', async () => {
    await join();
    taken[0]!.renewal = () => Promise.resolve('leaseLost');
    runtime.advance(LEASE_MS);

    await membership.makeSure();

    expect(told).toEqual(['lost lease 1']);
    await turn();
    await give();
  });

  test('leaves the lease that it holds', async () => {
    await join();

    await membership.leave();

    expect(taken[0]?.hasLeft).toBe(true);
  });
});
