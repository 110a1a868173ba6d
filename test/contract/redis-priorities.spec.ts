import { describe } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { prioritiesContract } from './priorities.contract.js';
import { RedisWorld } from './redis-world.js';

const world = new RedisWorld(redisRig());

describe('priorities on Redis', () => {
  prioritiesContract(world);
});
