import { afterEach, beforeEach, describe } from '@jest/globals';
import { MemoryWorld } from './memory-world.js';
import { unkeyedContract } from './unkeyed.contract.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('messages that wait for their keys in memory', () => {
  unkeyedContract(world);
});
