import type { OtherTerms } from '../../core/broker/broker.js';
import { Script, readTexts } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';

/**
 * Records the terms by which `process` serves a queue that it has joined. The last record stands. With `ifLost` 1, it
 * records them only if Redis has lost the record. Replies with { the previous process, name, its value, … } for each term
 * that differed, or nothing if all were equal or no other consumer has a lease.
 */
export const noteTerms = new Script({
  action: 'note the terms of a queue',
  keys: ['terms', 'consumers'],
  args: ['process', 'ifLost'],
  rows: ['name', 'value'],
  shared: [NOW_MS],
  lua: (row) => `
local now = nowMs()
local before = redis.call('HGET', terms, 'by')
if before and ifLost == '1' then return {} end
local others = { before }
${row.each}
  local known = redis.call('HGET', terms, name)
  if known and known ~= value then
    others[#others + 1] = name
    others[#others + 1] = known
  end
end
redis.call('HSET', terms, 'by', process, unpack(ARGV, FIRST))
local isAlone = redis.call('ZCOUNT', consumers, now, '+inf') < 2
if isAlone or #others < 2 then return {} end
return others
`,
  read: (reply): OtherTerms | undefined => {
    const [process, ...pairs] = readTexts(reply);
    if (process === undefined) return undefined;
    const values = new Map<string, string>();
    for (let i = 0; i + 1 < pairs.length; i += 2) values.set(pairs[i] ?? '', pairs[i + 1] ?? '');
    return { process, values };
  },
});
