import type { Argument } from '../command/command.js';

export const QUEUE: Argument = {
  name: 'QUEUE',
  about: 'the name of a queue, as "redis-queue queues" lists it (a group’s is @GROUP/PATTERN)',
};

export const QUEUES: Argument = { ...QUEUE, count: 'many' };
