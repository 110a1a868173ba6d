import { SharedLua } from '../script/shared-lua.js';

/**
 * Field of the terms of a group's queue: its handlers tell keys from data. It is there from before the group gets copies,
 * until nobody is left who tells keys and everything has gone on: so nothing that is added passes what waits for its key.
 */
export const KEYED = 'keyed';

/** The reader is told again with each so many messages, should it have died since. */
const TOLD_EVERY = 100;

/**
 * Messages that wait until somebody has read their keys. The queue is a table of its keys, by their names.
 *
 * - `isKeyed(queue)`: whether what is added has to wait for that.
 * - `addUnkeyed(queue, element)`: adds it there. If that is a key of another type, it changes nothing, and returns Redis's
 *   refusal.
 */
export const UNKEYED = new SharedLua(`
local function isKeyed(queue)
  if queue.isKeyed == nil then queue.isKeyed = redis.call('HGET', queue.terms, '${KEYED}') and true or false end
  return queue.isKeyed
end
local function addUnkeyed(queue, element)
  local many = redis.pcall('RPUSH', queue.unkeyed, element)
  if type(many) == 'table' then return many.err .. ': "' .. queue.unkeyed .. '"' end
  if many % ${TOLD_EVERY} == 1 then queue.mustTellReader = true end
end
`);
