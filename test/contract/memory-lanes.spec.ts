import { afterEach, beforeEach, describe } from '@jest/globals';
import { lanesContract } from './lanes.contract.js';
import { MemoryWorld } from './memory-world.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('lanes in memory', () => {
  lanesContract(world);
});
