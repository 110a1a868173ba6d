import { beforeEach, expect, test } from '@jest/globals';
import type { Limited } from '../broker/limit.js';
import { FakeRuntime } from '../process/runtime.fake.js';
import { Holdback } from './holdback.js';

const BY_RATE: Limited = { inMs: 40, spreadMs: 100, isSlowed: false };
const BY_PLACES: Limited = { inMs: undefined, spreadMs: 0, isSlowed: false };
const SLOWED: Limited = { inMs: 60_000, spreadMs: 0, isSlowed: true };

let runtime: FakeRuntime;
let looks: number;
let holdback: Holdback;

beforeEach(() => {
  runtime = new FakeRuntime();
  looks = 0;
  holdback = new Holdback(5_000, () => (looks += 1), runtime);
});

test('a consumer looks again when the time has come, at its own part of the spread', () => {
  holdback.told(BY_RATE);
  runtime.advance(89);
  expect([holdback.isOn, looks]).toEqual([true, 0]);
  runtime.advance(1);
  expect([holdback.isOn, looks]).toEqual([false, 1]);
});

test('a consumer that waits for a place looks now and then, in case the news is lost', () => {
  holdback.told(BY_PLACES);
  runtime.advance(4_999);
  expect(looks).toBe(0);
  runtime.advance(1);
  expect([holdback.isOn, looks]).toEqual([false, 1]);
});

test('a consumer that waits for a far time looks now and then: Redis may have another time by then', () => {
  holdback.told(SLOWED);
  runtime.advance(4_999);
  expect([holdback.isSlowed, looks]).toEqual([true, 0]);
  runtime.advance(1);
  expect(looks).toBe(1);
});

test('the last that the queue told counts', () => {
  holdback.told(SLOWED);
  expect(holdback.isSlowed).toBe(true);
  holdback.told(BY_RATE);
  expect(holdback.isSlowed).toBe(false);
  holdback.told(undefined);
  expect([holdback.isOn, runtime.timers]).toEqual([false, 0]);
  runtime.advance(60_000);
  expect(looks).toBe(0);
});

test('after news of a slow-down, only the answer to what is asked then counts', () => {
  holdback.hearSlowDown();
  expect([holdback.isOn, holdback.isSlowed, holdback.mustAsk]).toEqual([true, true, true]);
  // The answer to an earlier question.
  holdback.told(undefined);
  holdback.answered();
  expect([holdback.isOn, holdback.isSlowed, holdback.mustAsk]).toEqual([true, true, true]);
  holdback.asks();
  expect([holdback.isOn, holdback.isSlowed, holdback.mustAsk]).toEqual([true, true, false]);
  holdback.answered();
  expect([holdback.isOn, holdback.isSlowed, holdback.mustAsk]).toEqual([false, false, false]);
  expect(runtime.timers).toBe(0);
});

test('news of a slow-down counts until it is told otherwise, even if a question fails or the news comes again', () => {
  holdback.hearSlowDown();
  holdback.asks();
  holdback.notAnswered();
  expect(holdback.mustAsk).toBe(true);
  holdback.asks();
  holdback.hearSlowDown();
  holdback.answered();
  expect([holdback.isSlowed, holdback.mustAsk]).toEqual([true, true]);
});

test('what was told is forgotten with the lease', () => {
  holdback.told(SLOWED);
  holdback.hearSlowDown();
  holdback.asks();
  holdback.forget();
  expect([holdback.isOn, holdback.mustAsk, runtime.timers]).toEqual([false, false, 0]);
});

test('a queue without a limit costs no timer', () => {
  holdback.told(undefined);
  expect(runtime.timers).toBe(0);
});
