import { beforeEach, describe, expect, test } from '@jest/globals';
import { ConsumerState } from './consumer-state.js';
import type { Phase } from './consumer-state.js';
import { FakeLease } from '../broker/lease.fake.js';
import { Tenure } from '../lease/tenure.js';
import { FakeRuntime } from '../process/runtime.fake.js';
import type { LeaseKeeperEvents } from '../lease/lease-keeper.js';

const PHASES: readonly Phase[] = [
  'new',
  'consuming',
  'draining',
  'stopping',
  'handingBack',
  'left',
];

let state: ConsumerState;
let tenure: Tenure;

beforeEach(() => {
  const runtime = new FakeRuntime();
  state = new ConsumerState(runtime);
  const events: LeaseKeeperEvents = {
    lost: () => undefined,
    reclaimed: () => undefined,
    deadLettersDropped: () => undefined,
    failed: () => undefined,
  };
  tenure = new Tenure(new FakeLease(), 30_000, runtime.now(), events, runtime);
});

describe('the state of a consumer', () => {
  test('goes through its phases in their order', () => {
    for (const phase of PHASES.slice(1)) {
      state.go(phase);
      expect(state.phase).toBe(phase);
    }
  });

  test('may rest any number of times, and end from there', () => {
    for (const phase of ['consuming', 'paused', 'consuming', 'paused', 'draining'] as const)
      state.go(phase);
    expect(state.phase).toBe('draining');
  });

  test('may end before it has begun', () => {
    state.go('left');
    expect(() => state.go('consuming')).toThrow('it cannot go from "left" to "consuming"');
  });

  test.each<[Phase[], Phase]>([
    [[], 'stopping'],
    [['consuming'], 'left'],
    [['consuming', 'draining'], 'consuming'],
    [['consuming', 'draining'], 'paused'],
    [['consuming', 'paused'], 'stopping'],
    [['draining'], 'draining'],
  ])('after %j refuses %s', (before, phase) => {
    for (const step of before) state.go(step);
    expect(() => state.go(phase)).toThrow('This is a bug');
  });

  test('has one exchange at a time', () => {
    state.beginExchange(tenure);
    expect(state.isExchanging).toBe(true);
    expect(() => state.beginExchange(tenure)).toThrow('two exchanges at a time');
    state.endExchange();
    expect(() => state.endExchange()).toThrow('the end of an exchange that never began');
  });

  test('has one wait at a time, beside an exchange', () => {
    state.beginExchange(tenure);
    state.beginWait(tenure);
    expect(state.isWaiting).toBe(true);
    expect(() => state.beginWait(tenure)).toThrow('two waits at a time');
    state.endWait();
    expect(() => state.endWait()).toThrow('the end of a wait that never began');
  });

  test('refuses calls without a lease, or on a lost one', () => {
    tenure.end();
    for (const none of [undefined, tenure]) {
      expect(() => state.beginExchange(none)).toThrow('a call without a lease');
      expect(() => state.beginWait(none)).toThrow('a call without a lease');
    }
  });

  test('ends a wait, and gives the next one its own signal', () => {
    const [, first] = state.beginWait(tenure);
    state.endWaitSoon();
    expect(first.aborted).toBe(true);
    state.endWait();
    const [, second] = state.beginWait(tenure);
    expect(second.aborted).toBe(false);
  });

  test('asks for a look at first, after a failure, and after an exchange that was full or cut', () => {
    expect(state.mustLook).toBe(true);
    const afterwards = [
      () => state.exchanged(3, 2, false),
      () => state.exchanged(3, 3, false),
      () => state.exchanged(3, 1, true),
      () => state.exchangeFailed(),
    ].map((answer) => {
      state.beginExchange(tenure);
      answer();
      state.endExchange();
      return state.mustLook;
    });
    expect(afterwards).toEqual([false, true, true, true]);
  });

  test('is calm right after the second of two exchanges that found nothing', () => {
    const calms = [0, 0, 1, 0].map((taken) => {
      state.beginExchange(tenure);
      state.exchanged(3, taken, false);
      state.endExchange();
      return state.isCalm;
    });
    expect(calms).toEqual([false, true, false, false]);
  });
});
