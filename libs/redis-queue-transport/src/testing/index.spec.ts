import { expect, test } from '@jest/globals';
import * as testing from './index.js';

test('nothing is exported by accident', () => {
  expect(Object.keys(testing).sort()).toEqual([
    'MemoryStore',
    'NotSettledError',
    'OtherSide',
    'Records',
    'RedisQueueTestApp',
    'RedisQueueTestKit',
    'TestKitError',
  ]);
});
