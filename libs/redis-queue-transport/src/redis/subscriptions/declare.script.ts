import { OF_ONE_PATTERN, OF_WILDCARDS } from '../lua/index-version-lua.js';
import type { IndexKey, IndexKind } from '../lua/index-version-lua.js';
import { Script, readTexts } from '../script/script.js';

/**
 * Sets fields of an index. With `onlyMissing` 1, existing fields stay as they are. Replies with the values that the
 * fields have now.
 */
const declareIn = (
  kind: IndexKind,
): Script<IndexKey, 'onlyMissing', readonly string[], readonly ['field', 'value']> =>
  new Script({
    action: 'declare groups',
    keys: kind.keys,
    args: ['onlyMissing'],
    rows: ['field', 'value'],
    shared: [kind.raise],
    lua: (row) => `
local values, isChanged = {}, false
-- Without a version, which only a hand can have removed, emitters do not know of what is there.
local isNoted = (redis.call('HGET', index, 'version') or '') ~= ''
${row.each}
  local known = redis.call('HGET', index, field) or ''
  if known ~= value and (known == '' or onlyMissing ~= '1') then
    isChanged = true
    -- First, since it is what may be refused.
    noteChange(field)
    redis.call('HSET', index, field, value)
    known = value
  elseif not isNoted then
    isChanged = true
    noteChange(field)
  end
  values[#values + 1] = known
end
if isChanged then raiseVersion() end
return values
`,
    read: readTexts,
  });

export const declare = {
  ofOnePattern: declareIn(OF_ONE_PATTERN),
  ofWildcards: declareIn(OF_WILDCARDS),
} as const;
