import { RAISE_VERSION } from '../index-version.js';
import { Script, readNumber } from '../script.js';

/**
 * Sets fields of the index of groups, pairs of (field, value) behind the named arguments; an empty value removes the
 * field. With `onlyMissing` 1 those that are there stay as they are. A field that names a queue (it begins with "@")
 * lists the queue as well. Replies how many fields changed.
 */
export const declare = new Script({
  action: 'declare groups',
  keys: ['groups', 'queues'],
  args: ['onlyMissing'],
  lua: `
${RAISE_VERSION}
local changed = 0
for i = FIRST, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  local known = redis.call('HGET', groups, field) or ''
  if known ~= value and (known == '' or onlyMissing ~= '1') then
    changed = changed + 1
    if value == '' then redis.call('HDEL', groups, field) else redis.call('HSET', groups, field, value) end
  end
  if string.sub(field, 1, 1) == '@' and value ~= '' then redis.call('HSETNX', queues, field, 'pushed') end
end
if changed > 0 then raiseVersion() end
return changed
`,
  read: readNumber,
});
