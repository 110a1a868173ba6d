import { describe } from '@jest/globals';
import { brokerContract } from '../contract/broker.contract.js';
import { limitsContract } from '../contract/limits.contract.js';
import { orderContract } from '../contract/order.contract.js';
import { repliesContract } from '../contract/replies.contract.js';
import { loneCluster } from '../support/lone-cluster.js';
import { LoneClusterWorld } from './lone-cluster-world.js';

const world = new LoneClusterWorld(loneCluster());

describe('the broker on a cluster', () => {
  brokerContract(world);
});

describe('limits on a cluster', () => {
  limitsContract(world);
});

describe('a queue with its newest message first on a cluster', () => {
  orderContract(world);
});

describe('replies on a cluster', () => {
  repliesContract(world);
});
