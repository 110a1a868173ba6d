import { afterEach, beforeEach, describe } from '@jest/globals';
import { adminContract } from './admin.contract.js';
import { feedingContract } from './feeding.contract.js';
import { MemoryWorld } from './memory-world.js';
import { parkedBodiesContract } from './parked-bodies.contract.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('looking into queues in memory', () => {
  adminContract(world);
});

describe('large bodies in memory', () => {
  parkedBodiesContract(world);
});

describe('lists of others in memory', () => {
  feedingContract(world);
});
