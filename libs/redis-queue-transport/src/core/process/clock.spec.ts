import { beforeEach, expect, test } from '@jest/globals';
import { RedisClock } from './clock.js';
import { FakeRuntime } from './runtime.fake.js';

let runtime: FakeRuntime;

beforeEach(() => {
  runtime = new FakeRuntime();
});

test('continues from the reading by the monotonic clock', () => {
  const clock = new RedisClock(runtime);
  clock.set(1_000_000);
  runtime.advance(250);
  expect(clock.nowMs()).toBe(1_000_250);
});

test('keeps the reading with the shortest delay', () => {
  const clock = new RedisClock(runtime);
  clock.set(1_000_000 - 40); // This reply took 40 ms to arrive.
  runtime.advance(100);
  clock.set(1_000_100 - 1);
  runtime.advance(100);
  clock.set(1_000_200 - 300);
  expect(clock.nowMs()).toBe(1_000_199);
});

test('does not keep a reading for ever: clocks drift apart', () => {
  const clock = new RedisClock(runtime);
  clock.set(1_000_000);
  runtime.advance(60_001);
  clock.set(1_060_001 - 20);
  expect(clock.nowMs()).toBe(1_059_981);
});

test('follows at once when the clock is set back, or after a failover to one that is behind', () => {
  const clock = new RedisClock(runtime);
  clock.set(1_000_000);
  runtime.advance(10);
  clock.set(990_000);
  expect(clock.nowMs()).toBe(990_000);
});

test('is not known before the first reading', () => {
  const clock = new RedisClock(runtime);
  expect(clock.isSet).toBe(false);
  expect(() => clock.nowMs()).toThrow('not known before connect()');
});

test('requests another reading, once, when it is used and the last one is old', () => {
  let asked = 0;
  const clock = new RedisClock(runtime, () => {
    asked += 1;
  });
  clock.set(1_000_000);
  runtime.advance(1_000);
  clock.nowMs();
  expect(asked).toBe(0);
  runtime.advance(1);
  clock.nowMs();
  clock.nowMs();
  expect(asked).toBe(1);
  clock.set(4_600_000); // Redis's clock was set forward by an hour.
  expect(clock.nowMs()).toBe(4_600_000);
  runtime.advance(1_000);
  clock.nowMs();
  expect(asked).toBe(1);
});
