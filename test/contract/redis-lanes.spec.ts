import { describe } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { lanesContract } from './lanes.contract.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

describe('lanes on Redis', () => {
  lanesContract(world);
});
