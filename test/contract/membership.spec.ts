import { describe } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { membershipContract } from './membership.contract.js';
import { RedisWorld } from './redis-world.js';

const world = new RedisWorld(redisRig());

describe('a membership on Redis', () => {
  membershipContract(world);
});
