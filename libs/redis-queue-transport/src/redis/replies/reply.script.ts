import { Script, readArray, readNumber } from '../script/script.js';
import type { SeenList } from '../../core/requests/unread-lists.js';

/** Enough of an element to tell it from most others. */
const HEAD_BYTES = 256;

export interface StreamNews extends SeenList {
  /** Numbers of requests for which the caller wants no more replies. */
  readonly refused: readonly number[];
}

/**
 * Adds replies to a caller's list, which vanishes when nobody reads it for `keepMs`. `streams` are the numbers of
 * requests that will get further replies. Replies with nothing if there are none; else { how long the list was before,
 * the beginning of its first element if `looksCloser` is 1 and there was one, how many values of streams all servers
 * had added before (counted from the first closer look on), those of the requests for which the caller has refused
 * further replies … }.
 */
export const reply = new Script({
  action: 'send a reply',
  keys: ['replies', 'refused', 'added'],
  args: ['keepMs', 'streams', 'looksCloser'],
  rows: ['element'],
  lua: (row) => `
local news = {}
if streams ~= '' then
  news[1] = redis.call('LLEN', replies)
  news[2] = looksCloser == '1' and string.sub(redis.call('LINDEX', replies, 0) or '', 1, ${HEAD_BYTES})
  news[3] = false
  if looksCloser == '1' or redis.call('EXISTS', added) == 1 then
    local count = #ARGV - FIRST + 1
    news[3] = redis.call('INCRBY', added, count) - count
    redis.call('PEXPIRE', added, keepMs)
  end
end
${row.each} redis.call('RPUSH', replies, element) end
redis.call('PEXPIRE', replies, keepMs)
for request in string.gmatch(streams, '%d+') do
  if redis.call('HEXISTS', refused, request) == 1 then news[#news + 1] = tonumber(request) end
end
return news
`,
  read: (reply): StreamNews | undefined => {
    const [length, head, added, ...refused] = readArray(reply);
    if (length === undefined) return undefined;
    return {
      length: readNumber(length),
      head: Buffer.isBuffer(head) ? head.toString('latin1') : undefined,
      added: added === null ? undefined : readNumber(added),
      refused: refused.map(readNumber),
    };
  },
});
