import { describe, expect, test } from '@jest/globals';
import { healthOf } from './health.js';

const fresh = { failure: undefined, sinceRoundTripMs: 3 };
const quiet = { failure: undefined, sinceRoundTripMs: 4_000 };
const unused = { failure: undefined, sinceRoundTripMs: undefined };
const away = { failure: 'it is reconnecting', sinceRoundTripMs: 9_000 };
const overdue = { failure: 'no answer', sinceRoundTripMs: 6_000 };

describe('health', () => {
  test('without a connection is up: there is nothing that could be down', () => {
    expect(healthOf([])).toEqual({ status: 'up' });
  });

  test('is up when every connection is, however long one was not needed', () => {
    expect(healthOf([quiet, unused, fresh])).toEqual({ status: 'up', sinceRoundTripMs: 3 });
  });

  test('is down as long as nobody has answered', () => {
    expect(healthOf([unused])).toEqual({ status: 'down', reason: 'Redis has not answered yet.' });
  });

  test('is down when one connection is, and says why of the first', () => {
    const down = { status: 'down', sinceRoundTripMs: 3, reason: 'it is reconnecting' };
    expect(healthOf([fresh, away, overdue])).toEqual(down);
  });
});
