import { afterEach, beforeEach, describe } from '@jest/globals';
import { adminLimitsContract } from './admin-limits.contract.js';
import { adminContract } from './admin.contract.js';
import { feedingContract } from './feeding.contract.js';
import { forgetContract } from './forget.contract.js';
import { MemoryWorld } from './memory-world.js';
import { parkedBodiesContract } from './parked-bodies.contract.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('looking into queues in memory', () => {
  adminContract(world);
});

describe('what limits a queue, told in memory', () => {
  adminLimitsContract(world);
});

describe('large bodies in memory', () => {
  parkedBodiesContract(world);
});

describe('lists of others in memory', () => {
  feedingContract(world);
});

describe('forgetting a queue in memory', () => {
  forgetContract(world);
});
