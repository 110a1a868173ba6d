import { describe, expect, test } from '@jest/globals';
import { healthOf } from './health.js';

const fresh = { failure: undefined, failingForMs: undefined, sinceRoundTripMs: 3 };
const quiet = { ...fresh, sinceRoundTripMs: 4_000 };
const unused = { ...fresh, sinceRoundTripMs: undefined };
const away = { failure: 'it is reconnecting', failingForMs: 2_000, sinceRoundTripMs: 9_000 };
const overdue = { failure: 'no answer', failingForMs: 5_000, sinceRoundTripMs: 6_000 };

describe('health', () => {
  test('without a connection is up: there is nothing that could be down', () => {
    expect(healthOf([])).toEqual({ status: 'up' });
  });

  test('is up when every connection is, however long one has not been needed', () => {
    expect(healthOf([quiet, unused, fresh])).toEqual({ status: 'up', sinceRoundTripMs: 3 });
  });

  test('is down until Redis has answered once', () => {
    expect(healthOf([unused])).toEqual({ status: 'down', reason: 'Redis has not answered yet.' });
  });

  test('is down when one connection is, with the reason of the first and the longest time of any', () => {
    const why = { reason: 'it is reconnecting', downForMs: 5_000 };
    const down = { status: 'down', sinceRoundTripMs: 3, ...why };
    expect(healthOf([fresh, away, overdue])).toEqual(down);
  });
});
