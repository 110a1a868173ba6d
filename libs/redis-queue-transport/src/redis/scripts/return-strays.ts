import { IS_SUSPECT, Script, readNumber } from '../script.js';

/**
 * Compares a consumer's processing list with the elements that it knows to hold (the arguments behind the named
 * ones), and gives the others back to where they came from, unchanged and in order: they were taken by a command whose
 * answer got lost. Replies how many went back.
 */
export const returnStrays = new Script({
  action: 'give stray deliveries back',
  keys: ['waiting', 'suspects', 'processing'],
  args: [],
  lua: `
${IS_SUSPECT}
local known = {}
for i = FIRST, #ARGV do known[ARGV[i]] = (known[ARGV[i]] or 0) + 1 end
local strays = {}
for _, element in ipairs(redis.call('LRANGE', processing, 0, -1)) do
  if (known[element] or 0) > 0 then
    known[element] = known[element] - 1
  else
    strays[#strays + 1] = element
  end
end
for i = #strays, 1, -1 do
  redis.call('LPUSH', isSuspect(strays[i]) and suspects or waiting, strays[i])
  redis.call('LREM', processing, -1, strays[i])
end
return #strays
`,
  read: readNumber,
});
