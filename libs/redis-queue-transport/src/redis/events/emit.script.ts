import type { HistoryKeys, QueueKeys } from '../keys/keys.js';
import type { ScriptArgument } from '../script/rows.js';
import { Script, readArray, readNumber } from '../script/script.js';
import { NOW_MS } from '../script/clock-lua.js';
import { ENTER } from '../script/lanes-lua.js';
import { FORGET_ENDED } from '../script/ids-lua.js';
import { PARK, REFER } from '../script/parking-lua.js';

/** Where an event goes, in keys and channels. */
export interface EmitRoute {
  readonly channels: readonly string[];
  readonly lists: readonly Pick<QueueKeys, 'waiting' | 'parked' | 'counts' | 'lanes' | 'terms'>[];
  readonly histories: readonly EmitHistory[];
}

export interface EmitHistory extends HistoryKeys {
  /** The channel for events with their place in the history. */
  readonly told: string;
  readonly maxLength: number | undefined;
  readonly maxAgeMs: number | undefined;
}

/** The values of a route, as `readRoute` in the script reads them. `ids`: the key of the ids that are remembered. */
export function routeValues(
  { channels, lists, histories }: EmitRoute,
  ids: string | undefined,
  numberOf: (key: string) => number,
): ScriptArgument[] {
  const values: ScriptArgument[] = [channels.length, ...channels, lists.length];
  for (const { waiting, parked, counts, lanes, terms } of lists)
    values.push(...[waiting, parked, counts, lanes, terms].map(numberOf));
  values.push(histories.length);
  for (const { history, historyCount, told, maxLength = 0, maxAgeMs = 0 } of histories)
    values.push(numberOf(history), numberOf(historyCount), told, maxLength, maxAgeMs);
  values.push(ids === undefined ? 0 : numberOf(ids));
  return values;
}

/** The outcome for one event. */
export type Emitted =
  /** How many connections listened, or DUPLICATE. */
  | number
  | { readonly listeners: number; readonly historyId: string }
  /** The text of Redis's error: the event changed no key. */
  | { readonly error: string };

/** An event with this id was already emitted within its window: nothing was done. */
export const DUPLICATE = -1;

export type EmitReply =
  | { readonly isCurrent: true; readonly events: readonly Emitted[] }
  /** Nothing was done: the index has changed. */
  | { readonly isCurrent: false; readonly index: ReadonlyMap<string, string> };

/**
 * Emits events, if the index of groups is still the one by which they were addressed.
 *
 * Behind the named arguments come the routes ({@link routeValues}), and then the events: for each the number of its
 * route and the element and, if the route remembers ids, its id and the window in ms. These are not rows, since their
 * length varies.
 *
 * A copy of more than `parkAbove` bytes leaves its body beside its list, under a name that begins with `bodyName`,
 * which is new for each call; histories and channels have it whole.
 *
 * If `bodies` is a number, the only event is a large one. The commands before this one have put that many bodies, one
 * for each list of its route, into the hashes of parked bodies; if the event is not emitted, they are dropped. The
 * element may lack its body, unless there are histories. It is not published: listeners of a history are told to read
 * it, and the caller publishes it to the others.
 *
 * Every key of a route is checked before the first is written: a refused event leaves nothing behind and does not
 * affect the others.
 *
 * Replies with { 0, the index } if the index has changed; else { 1, for each event: how many connections listened, or {
 * that, its id in the first history }, or -1 for a duplicate, or the text of Redis's error }.
 */
const LUA = `

local isLarge = bodies ~= ''
local function dropBodies()
  -- Lists come first among the keys of a route, each with the hash of its bodies behind it.
  for i = 1, tonumber(bodies) do redis.pcall('HDEL', KEYS[5 * i - 2], bodyName .. '-' .. i) end
end
local current = redis.call('HGET', groups, 'version') or ''
if current ~= version then
  if isLarge then dropBodies() end
  return { 0, redis.call('HGETALL', groups) }
end
local at = FIRST
local function read()
  at = at + 1
  return ARGV[at - 1]
end
local function readNumber() return tonumber(read()) end
local function readKey() return KEYS[readNumber()] end

local function refusal(...)
  local answer = redis.pcall(...)
  return type(answer) == 'table' and answer.err
end

local function readRoute()
  local route = { channels = {}, lists = {}, histories = {} }
  for i = 1, readNumber() do route.channels[i] = read() end
  -- A refusal must be noticed before any other channel gets the event.
  for i = 1, (isLarge or #route.channels > 1) and #route.channels or 0 do
    if not redis.acl_check_cmd('PUBLISH', route.channels[i]) then
      route.refusal = route.refusal or 'NOPERM this user has no permissions to publish to the channel ' .. route.channels[i]
    end
  end
  for i = 1, readNumber() do
    local list = { waiting = readKey(), parked = readKey(), counts = readKey(), lanes = readKey(), terms = readKey() }
    route.refusal = route.refusal or refusal('LLEN', list.waiting)
    for _, hash in ipairs({ list.parked, list.counts, list.lanes, list.terms }) do
      route.refusal = route.refusal or refusal('HLEN', hash)
    end
    route.lists[i] = list
  end
  for i = 1, readNumber() do
    local history = {}
    history.stream = readKey()
    history.count = readKey()
    history.told = read()
    history.length = readNumber()
    history.age = readNumber()
    route.refusal = route.refusal or refusal('XLEN', history.stream) or refusal('INCRBY', history.count, 0)
    route.histories[i] = history
  end
  route.ids = readKey()
  if route.ids then
    route.refusal = route.refusal or refusal('ZCARD', route.ids)
    if not route.refusal then forgetEnded(route.ids, nowMs()) end
  end
  -- The usual case takes a shortcut: one channel, and nothing held.
  if #route.channels == 1 and #route.lists + #route.histories == 0 and not route.ids and not isLarge then
    route.only = route.channels[1]
  end
  return route
end

local function keep(history, element)
  local n = redis.call('INCR', history.count)
  local entry
  if history.length > 0 then
    entry = redis.call('XADD', history.stream, 'MAXLEN', '=', history.length, '*', 'n', n, 'element', element)
  else
    entry = redis.call('XADD', history.stream, '*', 'n', n, 'element', element)
  end
  if history.age > 0 then redis.call('XTRIM', history.stream, 'MINID', '=', math.max(0, nowMs() - history.age)) end
  -- If this is refused, listeners recover the event from the history.
  local told = redis.pcall('PUBLISH', history.told, n .. ' ' .. entry .. '\\n' .. (isLarge and '' or element))
  return entry, type(told) == 'number' and told or 0
end

local function remember(ids, id, window)
  redis.call('ZADD', ids, nowMs() + window, id)
  if redis.call('PTTL', ids) < window then redis.call('PEXPIRE', ids, window) end
end

local copies = 0
local function emit(route, element, id, window)
  if route.refusal then return route.refusal end
  local takenUntil = id and redis.call('ZSCORE', route.ids, id)
  if takenUntil and tonumber(takenUntil) > nowMs() then return ${DUPLICATE} end
  local listeners = 0
  for _, channel in ipairs(isLarge and {} or route.channels) do
    local answer = redis.pcall('PUBLISH', channel, element)
    if type(answer) == 'table' then return answer.err end
    listeners = listeners + answer
  end
  for _, list in ipairs(route.lists) do
    local copy = element
    copies = copies + 1
    if isLarge then
      copy = refer(bodyName .. '-' .. copies, element)
      redis.call('HINCRBY', list.counts, 'parkedEver', 1)
    elseif #element > tonumber(parkAbove) then
      copy = park(list.parked, list.counts, bodyName .. '-' .. copies, element)
    end
    enter(list.waiting, list.lanes, list.terms, copy)
  end
  local entry
  for _, history in ipairs(route.histories) do
    local kept, told = keep(history, element)
    entry = entry or kept
    listeners = listeners + told
  end
  -- An event that nobody got may be sent again.
  if id and (entry or listeners > 0 or #route.lists > 0) then remember(route.ids, id, window) end
  return entry and { listeners, entry } or listeners
end

local routes = {}
for i = 1, tonumber(routeCount) do routes[i] = readRoute() end
local reply = { 1 }
while at <= #ARGV do
  local route, element = routes[tonumber(ARGV[at])], ARGV[at + 1]
  at = at + 2
  if route.only then
    local answer = redis.pcall('PUBLISH', route.only, element)
    reply[#reply + 1] = type(answer) == 'table' and answer.err or answer
  elseif route.ids then
    reply[#reply + 1] = emit(route, element, read(), readNumber())
  else
    reply[#reply + 1] = emit(route, element)
  end
end
if isLarge and (reply[2] == ${DUPLICATE} or type(reply[2]) == 'string') then dropBodies() end
return reply
`;

const definition = {
  action: 'emit an event',
  keys: ['groups'],
  args: ['version', 'routeCount', 'parkAbove', 'bodyName', 'bodies'],
  shared: [NOW_MS, ENTER, FORGET_ENDED, REFER, PARK],
  lua: LUA,
  read: readReply,
} as const;

/** For events without copies: a full Redis still accepts them. */
export const emitLive = new Script({ ...definition, runs: ['HGET', 'HGETALL', 'PUBLISH'] });

/** For events with copies, histories or remembered ids. */
export const emitHeld = new Script({ ...definition, growsData: true });

function readReply(reply: unknown): EmitReply {
  const [isCurrent, ...rest] = readArray(reply);
  if (isCurrent === 1) return { isCurrent: true, events: rest.map(readEmitted) };
  return { isCurrent: false, index: readIndex(rest[0]) };
}

function readEmitted(answer: unknown): Emitted {
  if (typeof answer === 'number') return answer;
  if (!Array.isArray(answer)) return { error: String(answer) };
  const [listeners, historyId] = readArray(answer);
  return { listeners: readNumber(listeners), historyId: String(historyId) };
}

/** The reply of HGETALL within a script: names and values in turn. */
function readIndex(reply: unknown): ReadonlyMap<string, string> {
  const flat = readArray(reply).map(String);
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i] ?? '', flat[i + 1] ?? '');
  return fields;
}
