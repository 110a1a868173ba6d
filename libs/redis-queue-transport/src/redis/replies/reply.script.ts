import { Script, readTexts } from '../script/script.js';

/**
 * Adds replies (the arguments behind the named ones) to a caller's list, which vanishes when nobody reads it for
 * `keepMs`. `streams` are the numbers of requests whose replies are to go on. Replies those
 * among them of which the caller wants no more: it said so, or it has not read for `mostUnread` replies.
 */
export const reply = new Script({
  action: 'send a reply',
  keys: ['replies', 'refused'],
  args: ['keepMs', 'streams', 'mostUnread'],
  lua: `
local isUnread = streams ~= '' and redis.call('LLEN', replies) > tonumber(mostUnread)
for i = FIRST, #ARGV do redis.call('RPUSH', replies, ARGV[i]) end
redis.call('PEXPIRE', replies, keepMs)
local ended = {}
for request in string.gmatch(streams, '%d+') do
  if isUnread or redis.call('HEXISTS', refused, request) == 1 then ended[#ended + 1] = request end
end
return ended
`,
  read: readTexts,
});
