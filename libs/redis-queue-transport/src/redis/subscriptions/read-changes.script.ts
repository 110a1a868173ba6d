import { Script, readArray, readNumber, readTexts } from '../script/script.js';

/** How many changes one call reads. */
const MOST_READ = 1_000;

export interface Changes {
  /** The version of the index. */
  readonly current: string;
  /** How many fields it has. */
  readonly size: number;
  /** The version with these changes: older than the current one if there are more. Undefined if they cannot be told. */
  readonly version: string | undefined;
  /** What has changed, with the present value; undefined for what was removed. */
  readonly fields: readonly (readonly [field: string, value: string | undefined])[];
}

/**
 * Reads what changed in the index of wildcards since a version: the next changes, if there are many. Replies with { the
 * current version, how many fields there are, the version with these changes, or nothing if the given one is unknown,
 * then each field, 1 and its value, or 0 and nothing if it was removed }.
 */
export const readChanges = new Script({
  action: 'read the wildcards',
  keys: ['index', 'changes'],
  args: ['version'],
  readsOnly: true,
  lua: `
local current = redis.call('HGET', index, 'version') or ''
local size = redis.call('HLEN', index) - (current == '' and 0 or 1)
-- Versions and changes may have been written by hand: what does not fit is as good as unknown.
local entries = version ~= '' and redis.pcall('XRANGE', changes, version, current, 'COUNT', ${MOST_READ + 1}) or {}
local isKnown = entries[1] and entries[1][1] == version and (entries[2] or version == current)
if not isKnown then return { current, size, '' } end
local reply, seen = { current, size, entries[#entries][1] }, {}
for i = 2, #entries do
  local field = entries[i][2][2]
  if field and not seen[field] then
    seen[field] = true
    local value = redis.call('HGET', index, field)
    reply[#reply + 1] = field
    reply[#reply + 1] = value and '1' or '0'
    reply[#reply + 1] = value or ''
  end
end
return reply
`,
  read: (reply): Changes => {
    const [current, size, version, ...rest] = readArray(reply);
    const [known = '', reached = '', ...words] = readTexts([current, version, ...rest]);
    const fields: (readonly [string, string | undefined])[] = [];
    for (let at = 0; at + 2 < words.length; at += 3)
      fields.push([words[at] ?? '', words[at + 1] === '1' ? words[at + 2] : undefined]);
    return {
      current: known,
      size: readNumber(size),
      version: reached === '' ? undefined : reached,
      fields,
    };
  },
});
