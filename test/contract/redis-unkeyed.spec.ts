import { describe } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { RedisWorld } from './redis-world.js';
import { unkeyedContract } from './unkeyed.contract.js';

const world = new RedisWorld(redisRig());

describe('messages that wait for their keys on Redis', () => {
  unkeyedContract(world);
});
