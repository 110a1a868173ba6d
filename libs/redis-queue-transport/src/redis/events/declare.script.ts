import { GROUP_MARK } from '../../core/message/queue-name.js';
import { Script } from '../script/script.js';
import { RAISE_VERSION } from '../lua/index-version-lua.js';

/**
 * Sets fields of the index of groups. With `onlyMissing` 1, existing fields stay as they are. A field that names a queue
 * (it begins with "@") also lists the queue.
 */
export const declare = new Script({
  action: 'declare groups',
  keys: ['groups', 'queues'],
  args: ['onlyMissing'],
  rows: ['field', 'value'],
  shared: [RAISE_VERSION],
  lua: (row) => `
local isChanged = false
${row.each}
  local known = redis.call('HGET', groups, field) or ''
  if known ~= value and (known == '' or onlyMissing ~= '1') then
    isChanged = true
    redis.call('HSET', groups, field, value)
  end
  if string.sub(field, 1, 1) == '${GROUP_MARK}' then redis.call('HSETNX', queues, field, 'pushed') end
end
if isChanged then raiseVersion() end
return 1
`,
  read: () => undefined,
});
