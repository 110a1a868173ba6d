import { afterEach, beforeEach, describe } from '@jest/globals';
import { MemoryWorld } from './memory-world.js';
import { prioritiesContract } from './priorities.contract.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('priorities in memory', () => {
  prioritiesContract(world);
});
