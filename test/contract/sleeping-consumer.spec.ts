import { describe } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { consumerContract } from './consumer.contract.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();

describe('on Redis, without a connection that blocks', () => {
  consumerContract(new RedisWorld(rig, 0));
});
