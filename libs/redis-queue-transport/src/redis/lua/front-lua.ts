import { MOST_DIGITS, MOST_NAME_BYTES } from '../../core/message/key.js';
import { SharedLua } from '../script/shared-lua.js';

/** What a key is written with, as a Lua pattern. */
export const KEY_CHARACTERS = String.raw`[%w_.!~*\'()%%-]`;

/**
 * Where the fields behind the counts of an element begin, as the Lua function `behindCounts(front)`, and whether it was
 * handed out before. It must begin with `{"rq":1`.
 */
export const BEHIND_COUNTS = new SharedLua(`
local function behindCounts(front)
  local at = 8
  -- Skips a field, if it is there and has no more bytes than it may.
  local function skip(field, most)
    local value, behind = string.match(front, field, at)
    if not value or #value > most then return false end
    at = behind
    return true
  end
  local wasOut = skip('^,"crashes":(%d+)()', ${MOST_DIGITS})
  wasOut = skip('^,"attempt":(%d+)()', ${MOST_DIGITS}) or wasOut
  skip('^,"parked":"([%w_-]+)"()', ${MOST_NAME_BYTES})
  skip('^,"postponed":(%d+)()', ${MOST_DIGITS})
  return at, wasOut
end
`);
