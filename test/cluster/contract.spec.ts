import { describe } from '@jest/globals';
import { adminContract } from '../contract/admin.contract.js';
import { adminLimitsContract } from '../contract/admin-limits.contract.js';
import { brokerContract } from '../contract/broker.contract.js';
import { keyLimitsContract } from '../contract/key-limits.contract.js';
import { lanesContract } from '../contract/lanes.contract.js';
import { limitsContract } from '../contract/limits.contract.js';
import { orderContract } from '../contract/order.contract.js';
import { parkedBodiesContract } from '../contract/parked-bodies.contract.js';
import { prioritiesContract } from '../contract/priorities.contract.js';
import { repliesContract } from '../contract/replies.contract.js';
import { forgetContract } from '../contract/forget.contract.js';
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

describe('managing queues on a cluster', () => {
  adminContract(world);
});

describe('managing limits on a cluster', () => {
  adminLimitsContract(world);
});

describe('parked bodies on a cluster', () => {
  parkedBodiesContract(world);
});

describe('forgetting a queue on a cluster', () => {
  forgetContract(world);
});

describe('lanes on a cluster', () => {
  lanesContract(world);
});

describe('priorities on a cluster', () => {
  prioritiesContract(world);
});

describe('limits of keys on a cluster', () => {
  keyLimitsContract(world);
});
