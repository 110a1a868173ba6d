import { describe } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { adminLimitsContract } from './admin-limits.contract.js';
import { adminContract } from './admin.contract.js';
import { feedingContract } from './feeding.contract.js';
import { forgetContract } from './forget.contract.js';
import { parkedBodiesContract } from './parked-bodies.contract.js';
import { RedisWorld } from './redis-world.js';

const world = new RedisWorld(redisRig());

describe('looking into queues on Redis', () => {
  adminContract(world);
});

describe('what limits a queue, told on Redis', () => {
  adminLimitsContract(world);
});

describe('large bodies on Redis', () => {
  parkedBodiesContract(world);
});

describe('lists of others on Redis', () => {
  feedingContract(world);
});

describe('forgetting a queue on Redis', () => {
  forgetContract(world);
});
