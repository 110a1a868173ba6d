import { afterEach, beforeEach, describe } from '@jest/globals';
import { laneRepairContract } from './lane-repair.contract.js';
import { lanesContract } from './lanes.contract.js';
import { MemoryWorld } from './memory-world.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('lanes in memory', () => {
  lanesContract(world);
});

describe('the repair of lanes in memory', () => {
  laneRepairContract(world);
});
