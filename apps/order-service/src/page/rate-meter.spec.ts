import { expect, test } from '@jest/globals';
import { RateMeter } from './rate-meter.js';

test('the rate is the growth per second since the last look', () => {
  const meter = new RateMeter();
  expect(meter.rate(100, 0)).toBe(0);
  expect(meter.rate(150, 500)).toBe(100);
  expect(meter.rate(150, 1_500)).toBe(0);
});

test('a count that begins anew has no negative rate', () => {
  const meter = new RateMeter();
  meter.rate(100, 0);
  expect(meter.rate(0, 1_000)).toBe(0);
  expect(meter.rate(10, 2_000)).toBe(10);
});
