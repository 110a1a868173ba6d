import { Script } from '../script/script.js';

/** Lists who wants events, for people and tools. */
export const listGroups = new Script({
  action: 'list the groups',
  keys: ['groups'],
  args: [],
  rows: ['field', 'value'],
  lua: (row) => `
${row.each} redis.call('HSET', groups, field, value) end
return 1
`,
  read: () => undefined,
});

/** Lists the queues of groups, unless servers have listed them. */
export const listQueues = new Script({
  action: 'list the queues',
  keys: ['queues'],
  args: [],
  rows: ['queue'],
  lua: (row) => `
${row.each} redis.call('HSETNX', queues, queue, 'pushed') end
return 1
`,
  read: () => undefined,
});
