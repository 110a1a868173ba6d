import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeRuntime } from '../process/runtime.fake.js';
import { Timekeeping } from './timekeeping.js';

let time: Timekeeping;
let looks: number;
let isConsuming: boolean;
/** The time of Redis. */
let nowMs: number;
let runtime: FakeRuntime;

beforeEach(() => {
  runtime = new FakeRuntime();
  [looks, isConsuming, nowMs] = [0, true, 1_000_000];
  time = new Timekeeping(
    () => nowMs,
    () => isConsuming,
    { due: () => (looks += 1) },
    runtime,
  );
});

afterEach(() => {
  time.stop();
  expect(runtime.timers).toBe(0);
});

function becomeTimekeeper(): void {
  expect(time.takeStep()).toBe('keep');
  time.answered('keep', true);
}

/** How many looks come within this time. */
function looksWithin(ms: number): number {
  const before = looks;
  runtime.advance(ms);
  return looks - before;
}

describe('the timekeeper', () => {
  test('looks when something is due, and has it handed out', () => {
    becomeTimekeeper();
    time.planLook(500);

    expect([looksWithin(499), time.mustRelease]).toEqual([0, false]);
    expect([looksWithin(1), time.mustRelease]).toEqual([1, true]);
  });

  test('looks sooner if something is scheduled before everything else', () => {
    becomeTimekeeper();
    time.planLook(500);
    time.hear(nowMs + 100);
    expect(looksWithin(100)).toBe(1);
  });

  test('remembers news that arrives during an exchange whose result does not include it', () => {
    becomeTimekeeper();
    time.takeStep();
    time.hear(nowMs + 100);
    time.planLook(undefined);
    expect(looksWithin(100)).toBe(1);
  });

  test('plans no look if nothing is due', () => {
    becomeTimekeeper();
    time.planLook(500);
    time.planLook(undefined);
    expect(looksWithin(60_000)).toBe(0);
  });

  test('leaves the time to others when it takes nothing more', () => {
    becomeTimekeeper();
    time.giveUp();
    expect([time.mustYield, time.takeStep()]).toEqual([true, 'yield']);
  });

  test('no longer keeps the time when its lease is lost, and asks anew', () => {
    becomeTimekeeper();
    time.forget();
    time.giveUp();
    expect(time.mustYield).toBe(false);
  });
});

describe('a consumer that does not keep the time', () => {
  test('looks much later, in case the timekeeper is gone', () => {
    for (const [random, laterMs] of [
      [0, 10_000],
      [0.5, 15_000],
    ] as const) {
      runtime.nextRandom = random;
      time.planLook(500);
      expect(looksWithin(500 + laterMs - 1)).toBe(0);
      expect(looksWithin(1)).toBe(1);
      expect(time.mustRelease).toBe(false);
    }
  });

  test('asks for the time with its first exchange, after a failure, and when told to', () => {
    const step = time.takeStep();
    expect([step, time.takeStep()]).toEqual(['keep', undefined]);
    time.putBack(step);
    expect(time.takeStep()).toBe('keep');
    time.askWhoKeeps();
    expect(time.takeStep()).toBe('keep');
  });

  test('plans nothing while it does not consume', () => {
    isConsuming = false;
    time.planLookIn(100);
    expect(looksWithin(60_000)).toBe(0);
  });
});
