import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { RedisClock } from './clock.js';

let now = 0;

beforeEach(() => {
  now = 5_000;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});

afterEach(() => {
  jest.restoreAllMocks();
});

test('goes on from the reading by the monotonic clock', () => {
  const clock = new RedisClock();
  clock.set(1_000_000);
  now += 250;
  expect(clock.nowMs()).toBe(1_000_250);
});

test('keeps the reading that was least late', () => {
  const clock = new RedisClock();
  clock.set(1_000_000 - 40); // this answer was under way for 40 ms
  now += 100;
  clock.set(1_000_100 - 1);
  now += 100;
  clock.set(1_000_200 - 300);
  expect(clock.nowMs()).toBe(1_000_199);
});

test('does not keep a reading for ever: clocks drift apart', () => {
  const clock = new RedisClock();
  clock.set(1_000_000);
  now += 60_001;
  clock.set(1_060_001 - 20);
  expect(clock.nowMs()).toBe(1_059_981);
});

test('follows at once a clock that was set back, or a failover to one that is behind', () => {
  const clock = new RedisClock();
  clock.set(1_000_000);
  now += 10;
  clock.set(990_000);
  expect(clock.nowMs()).toBe(990_000);
});

test('is not known before the first reading', () => {
  const clock = new RedisClock();
  expect(clock.isSet).toBe(false);
  expect(() => clock.nowMs()).toThrow('not known before connect()');
});

test('asks for another reading when it is used and the last one is old, and not twice', () => {
  let asked = 0;
  const clock = new RedisClock(() => {
    asked += 1;
  });
  clock.set(1_000_000);
  now += 1_000;
  clock.nowMs();
  expect(asked).toBe(0);
  now += 1;
  clock.nowMs();
  clock.nowMs();
  expect(asked).toBe(1);
  clock.set(4_600_000); // it was set forward by an hour
  expect(clock.nowMs()).toBe(4_600_000);
  now += 1_000;
  clock.nowMs();
  expect(asked).toBe(1);
});
