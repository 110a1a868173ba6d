import { afterEach, beforeEach, describe } from '@jest/globals';
import { eventAdminContract } from './event-admin.contract.js';
import { eventsContract } from './events.contract.js';
import { historiesContract } from './histories.contract.js';
import { MemoryWorld } from './memory-world.js';
import { recoveryContract } from './recovery.contract.js';
import { repliesContract } from './replies.contract.js';

const world = new MemoryWorld();

beforeEach(() => world.beginTest());
afterEach(() => world.endTest());

describe('events in memory', () => {
  eventsContract(world);
});

describe('histories in memory', () => {
  historiesContract(world);
});

describe('recovery in memory', () => {
  recoveryContract(world);
});

describe('replies in memory', () => {
  repliesContract(world);
});

describe('managing events in memory', () => {
  eventAdminContract(world);
});
