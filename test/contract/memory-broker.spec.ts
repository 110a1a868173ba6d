import { afterEach, beforeEach, describe } from '@jest/globals';
import { boundsContract } from './bounds.contract.js';
import { brokerContract } from './broker.contract.js';
import { limitsContract } from './limits.contract.js';
import { orderContract } from './order.contract.js';
import { MemoryWorld } from './memory-world.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('the broker in memory', () => {
  brokerContract(world);
});

describe('bounds in memory', () => {
  boundsContract(world);
});

describe('limits in memory', () => {
  limitsContract(world);
});

describe('a queue with its newest message first in memory', () => {
  orderContract(world);
});
