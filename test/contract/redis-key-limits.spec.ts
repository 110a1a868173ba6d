import { describe } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { keyLimitsContract } from './key-limits.contract.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

describe('limits by key on Redis', () => {
  keyLimitsContract(world);
});
