import { SharedLua } from '../script/shared-lua.js';

/** About how many of the last changes of the wildcards are kept. */
const MOST_CHANGES = 10_000;

/** The keys of an index. Scripts of both kinds call `noteChange(field)` for each change, and then `raiseVersion()`. */
export type IndexKey = 'index' | 'changes';

export interface IndexKind {
  readonly keys: readonly IndexKey[];
  readonly raise: SharedLua;
}

/**
 * The index of one pattern without wildcards. A version is a time in microseconds, so that an index that was lost and
 * rebuilt never has a version that it had before.
 */
export const OF_ONE_PATTERN: IndexKind = {
  keys: ['index'],
  raise: new SharedLua(
    `
local function noteChange() end
local function raiseVersion()
  local time = redis.call('TIME')
  local last = tonumber(redis.call('HGET', index, 'version') or 0) or 0
  -- A version that was written by hand must not be one that no time exceeds.
  if not (last < 2 ^ 52) then last = 0 end
  redis.call('HSET', index, 'version', string.format('%.0f', math.max(time[1] * 1000000 + time[2], last + 1)))
end
`,
    ['index'],
  ),
};

/**
 * The index of all wildcards. Its version is the id of the last entry in the stream of its changes, which is a time as well: a
 * client finds the entry of the version that it knows, and those behind it. If it does not, the version is one that was
 * lost, or is too old.
 */
export const OF_WILDCARDS: IndexKind = {
  keys: ['index', 'changes'],
  raise: new SharedLua(
    `
local lastChange
local function noteChange(field)
  lastChange = redis.call('XADD', changes, 'MAXLEN', '~', ${MOST_CHANGES}, '*', 'field', field)
end
local function raiseVersion() redis.call('HSET', index, 'version', lastChange) end
`,
    ['index', 'changes'],
  ),
};

/** The field that changes whenever another field changes. */
export const VERSION_FIELD = 'version';
