import { expect, test } from '@jest/globals';
import {
  IncompleteError,
  OutcomeUnknownError,
  RedisUnavailableError,
} from 'nestjs-redis-queue-transport';
import { resultsOfMany } from './results-of-many.js';

const away = new RedisUnavailableError('away');

test('a call that resolves confirms each message', async () => {
  expect(await resultsOfMany(Promise.resolve(), 2)).toEqual(['confirmed', 'confirmed']);
});

test('a call that fails as a whole says the same of each message', async () => {
  expect(await resultsOfMany(Promise.reject(away), 2)).toEqual(['rejected', 'rejected']);
});

test('a call that fails in part says it of each message by itself', async () => {
  const failures = [
    { index: 0, error: away },
    { index: 2, error: new OutcomeUnknownError('lost') },
  ];
  const call = Promise.reject(new IncompleteError(3, failures, []));
  expect(await resultsOfMany(call, 3)).toEqual(['rejected', 'confirmed', 'unknown']);
});
