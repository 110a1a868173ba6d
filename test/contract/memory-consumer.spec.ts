import { afterEach, beforeEach, describe } from '@jest/globals';
import { consumerContract } from './consumer.contract.js';
import { leaseKeeperContract } from './lease-keeper.contract.js';
import { membershipContract } from './membership.contract.js';
import { MemoryWorld } from './memory-world.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('a membership in memory', () => {
  membershipContract(world);
});

describe('a lease keeper in memory', () => {
  leaseKeeperContract(world);
});

describe('in memory', () => {
  consumerContract(world);
});
