import { afterEach, beforeEach, describe } from '@jest/globals';
import { keyLimitsContract } from './key-limits.contract.js';
import { MemoryWorld } from './memory-world.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('limits by key in memory', () => {
  keyLimitsContract(world);
});
