import type { Argument } from '../command/command.js';

export const PATTERN: Argument = {
  name: 'PATTERN',
  about: 'the pattern of the events, as handlers name it (user.created, or order.* with wildcards)',
};

export const GROUP: Argument = {
  name: 'GROUP',
  about: 'the name of the group, as "redis-queue groups" lists it',
};
