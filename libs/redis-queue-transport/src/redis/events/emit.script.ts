import type { HistoryKeys, QueueKeys } from '../keys/keys.js';
import type { ScriptArgument } from '../script/rows.js';
import { Script, readArray, readNumber } from '../script/script.js';
import { NOW_MS } from '../lua/clock-lua.js';
import { ENTER } from '../lua/lanes-lua.js';
import { FORGET_ENDED } from '../lua/ids-lua.js';
import { LENGTH } from '../lua/length-lua.js';
import { PARK, REFER } from '../lua/parking-lua.js';
import { TELL_KEEPER, TELL_READER } from '../lua/roles-lua.js';

/** Where an event goes, in keys and channels. */
export interface EmitRoute {
  readonly channels: readonly string[];
  readonly lists: readonly EmitList[];
  readonly histories: readonly EmitHistory[];
}

/** The list of a group. */
export type EmitList = Pick<
  QueueKeys,
  | 'waiting'
  | 'parked'
  | 'counts'
  | 'levels'
  | 'lanes'
  | 'terms'
  | 'suspects'
  | 'delayed'
  | 'resting'
  | 'roles'
  | 'unkeyed'
  | 'wake'
>;

export interface EmitHistory extends HistoryKeys {
  /** The channel for events with their place in the history. */
  readonly told: string;
  readonly maxLength: number | undefined;
  readonly maxAgeMs: number | undefined;
}

/** The keys of a list, as `readList` in the script reads them. */
const LIST_KEYS = [
  'waiting',
  'parked',
  'counts',
  'levels',
  'lanes',
  'terms',
  'suspects',
  'delayed',
  'resting',
  'roles',
  'unkeyed',
] as const satisfies readonly (keyof EmitList)[];

/**
 * The values of a route, as `readRoute` in the script reads them. `check`: the number of the check of its pattern's index;
 * `ids`: the key of the ids that are remembered.
 */
export function routeValues(
  { channels, lists, histories }: EmitRoute,
  check: number,
  ids: string | undefined,
  numberOf: (key: string) => number,
): ScriptArgument[] {
  const values: ScriptArgument[] = [check, channels.length, ...channels, lists.length];
  for (const list of lists)
    values.push(...LIST_KEYS.map((name) => numberOf(list[name])), list.wake);
  values.push(histories.length);
  for (const { history, historyCount, told, maxLength = 0, maxAgeMs = 0 } of histories)
    values.push(numberOf(history), numberOf(historyCount), told, maxLength, maxAgeMs);
  values.push(ids === undefined ? 0 : numberOf(ids));
  return values;
}

/** The tenth byte of an element whose header begins with the id: it has neither a key nor a priority. */
const ID_FIRST = 105;

/** About how many fields of indexes one reply tells, names and values. More are told the next time. */
const MOST_TOLD = 1_000;

/** The outcome for one event. */
export type Emitted =
  /** How many connections listened, or DUPLICATE. */
  | number
  | {
      readonly listeners: number;
      readonly historyId: string | undefined;
      /** The indexes of lists of its route that were full, and got no copy. */
      readonly dropped: readonly number[];
    }
  /** The list of its route with this index was full: nobody got the event. */
  | { readonly full: number; readonly length: number; readonly maxLength: number }
  /** The text of Redis's error: the event changed no key. */
  | { readonly error: string };

/** An event with this id was already emitted within its window: nothing was done. */
export const DUPLICATE = -1;

export type EmitReply =
  | { readonly isCurrent: true; readonly events: readonly Emitted[] }
  /** Nothing was done: an index has changed. */
  | {
      readonly isCurrent: false;
      readonly areWildcardsOld: boolean;
      /** Some of the changed indexes of patterns, by the numbers of their checks, from 0. */
      readonly patterns: readonly (readonly [check: number, fields: ReadonlyMap<string, string>])[];
    };

/**
 * Emits events, if the indexes of their patterns and of the wildcards are still those by which they were addressed.
 *
 * Behind the named arguments come the checks: for each the index of a pattern, and its version. They may be of more patterns
 * than those of the events: if one of those is old, earlier calls did nothing, and these events must not overtake theirs.
 * Then the routes ({@link routeValues}), and then the events: for each the number of its route and the element and, if the
 * route remembers ids, its id and the window in ms. These are not rows, since their length varies.
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
 * If a list of its route is full, an event is refused, unless the terms of the list say that such copies are dropped: then
 * the other lists get theirs, and it is counted.
 *
 * Replies with { 0, 1 if the wildcards have changed, the number of each check whose index has changed and that index } (some
 * of them, if they are large); else { 1, for each event: how many connections listened, or {
 * that, its id in the first history or nothing, the numbers of full lists that got no copy … }, or -1 for a duplicate, or
 * { 'full', the number of the list, its length, its bound }, or the text of Redis's error }.
 */
const LUA = `

local isLarge = bodies ~= ''
local function dropBodies()
  -- Lists come first behind the two indexes, each with the hash of its bodies behind it.
  for i = 1, tonumber(bodies) do redis.pcall('HDEL', KEYS[${LIST_KEYS.length} * i - ${LIST_KEYS.length - 4}], bodyName .. '-' .. i) end
end
local at = FIRST
local function read()
  at = at + 1
  return ARGV[at - 1]
end
local function readNumber() return tonumber(read()) end
local function readKey() return KEYS[readNumber()] end

local areOld = (redis.call('HGET', wildcards, 'version') or '') ~= version
local refusedChecks, old, told = {}, {}, 0
for i = 1, tonumber(checkCount) do
  local index, known = readKey(), read()
  local current = redis.pcall('HGET', index, 'version') or ''
  if type(current) == 'table' then refusedChecks[i] = current.err
  elseif current ~= known and told < ${MOST_TOLD} then
    local fields = redis.call('HGETALL', index)
    told = told + #fields
    old[#old + 1] = i
    old[#old + 1] = fields
  end
end
if areOld or #old > 0 then
  if isLarge then dropBodies() end
  return { 0, areOld and 1 or 0, unpack(old) }
end

local function refusal(...)
  local answer = redis.pcall(...)
  return type(answer) == 'table' and answer.err
end

-- Several routes may have the same list.
local lists = {}
local function readList()
  local waiting = readKey()
  local list = lists[waiting] or { waiting = waiting }
  lists[waiting] = list
  for _, name in ipairs({ ${LIST_KEYS.slice(1)
    .map((name) => `'${name}'`)
    .join(', ')} }) do list[name] = readKey() end
  list.wake = read()
  return list
end

-- Reads the terms of a list, counts it if it has a bound, and returns a refusal if it cannot.
local function countList(list)
  if list.isCounted then return list.refusal end
  list.isCounted = true
  readTerms(list)
  if list.isKeyed then list.refusal = refusal('LLEN', list.unkeyed) end
  if list.refusal or not list.most then return list.refusal end
  list.refusal = refusal('LLEN', list.suspects) or refusal('ZCARD', list.delayed)
  if list.refusal then return list.refusal end
  list.length = lengthOf(list)
  list.isDropping = redis.call('HGET', list.terms, 'onFull') == 'drop'
end
local function isFull(list) return list.most and list.length >= list.most end

local function readRoute()
  local route = { refusal = refusedChecks[readNumber()], channels = {}, lists = {}, histories = {} }
  for i = 1, readNumber() do route.channels[i] = read() end
  -- A refusal must be noticed before any other channel gets the event.
  for i = 1, (isLarge or #route.channels > 1) and #route.channels or 0 do
    if not redis.acl_check_cmd('PUBLISH', route.channels[i]) then
      route.refusal = route.refusal or 'NOPERM this user has no permissions to publish to the channel ' .. route.channels[i]
    end
  end
  for i = 1, readNumber() do
    local list = readList()
    local many = redis.pcall('LLEN', list.waiting)
    route.refusal = route.refusal or type(many) == 'table' and many.err
    if list.wasEmpty == nil then list.wasEmpty = many == 0 end
    for _, hash in ipairs({ list.parked, list.counts, list.levels, list.lanes, list.terms }) do
      route.refusal = route.refusal or refusal('HLEN', hash)
    end
    route.refusal = route.refusal or countList(list)
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
  -- The usual cases take shortcuts: one channel, and nothing held, or by one group without a bound.
  local isUsual = #route.channels == 1 and #route.histories == 0 and not route.ids and not isLarge and not route.refusal
  if isUsual and #route.lists == 0 then route.only = route.channels[1] end
  if isUsual and #route.lists == 1 and not route.lists[1].most and not route.lists[1].isKeyed then
    route.list = route.lists[1]
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

local function giveCopy(list, element, name)
  local copy = element
  if isLarge then
    copy = refer(name, element)
    redis.call('HINCRBY', list.counts, 'parkedEver', 1)
  elseif #element > tonumber(parkAbove) then
    copy = park(list.parked, list.counts, name, element)
  end
  if enter(list, copy) then list.isOutOfSight = true end
  if list.most then list.length = list.length + 1 end
end

local function laneRefusal(lists, element)
  local key = #lists > 0 and keyOf(element)
  for _, list in ipairs(key and lists or {}) do
    local lane = list.lanes .. ':' .. key
    local refused = not list.isKeyed and refusal('LLEN', lane)
    if refused then return refused .. ': "' .. lane .. '"' end
  end
end

local copies = 0
local function emit(route, element, id, window)
  if route.refusal then return route.refusal end
  local takenUntil = id and redis.call('ZSCORE', route.ids, id)
  if takenUntil and tonumber(takenUntil) > nowMs() then return ${DUPLICATE} end
  for i, list in ipairs(route.lists) do
    if isFull(list) and not list.isDropping then return { 'full', i, list.length, list.most } end
  end
  local refused = laneRefusal(route.lists, element)
  if refused then return refused end
  local listeners = 0
  for _, channel in ipairs(isLarge and {} or route.channels) do
    local answer = redis.pcall('PUBLISH', channel, element)
    if type(answer) == 'table' then return answer.err end
    listeners = listeners + answer
  end
  local dropped = {}
  for i, list in ipairs(route.lists) do
    copies = copies + 1
    local name = bodyName .. '-' .. copies
    if isFull(list) then
      dropped[#dropped + 1] = i
      redis.call('HINCRBY', list.counts, 'copiesDropped', 1)
      if isLarge then redis.call('HDEL', list.parked, name) end
    else
      giveCopy(list, element, name)
    end
  end
  local entry
  for _, history in ipairs(route.histories) do
    local kept, told = keep(history, element)
    entry = entry or kept
    listeners = listeners + told
  end
  -- An event that nobody got may be sent again.
  if id and (entry or listeners > 0 or #route.lists > #dropped) then remember(route.ids, id, window) end
  if not entry and #dropped == 0 then return listeners end
  return { listeners, entry or '', unpack(dropped) }
end

-- What takes the shortcut is added at once for a list, and before anything else is.
local added, addedTo = {}, nil
local function addAll()
  if #added > 0 then redis.call('RPUSH', addedTo, unpack(added)) end
  added = {}
end
local function addSoon(list, element)
  if addedTo ~= list.waiting or #added == 500 then
    addAll()
    addedTo = list.waiting
  end
  added[#added + 1] = element
end

local mostInList = tonumber(parkAbove)
local routes = {}
for i = 1, tonumber(routeCount) do routes[i] = readRoute() end
local reply = { 1 }
while at <= #ARGV do
  local route, element = routes[tonumber(ARGV[at])], ARGV[at + 1]
  at = at + 2
  if route.only then
    local answer = redis.pcall('PUBLISH', route.only, element)
    reply[#reply + 1] = type(answer) == 'table' and answer.err or answer
  elseif route.list and string.byte(element, 10) == ${ID_FIRST} and #element <= mostInList then
    local answer = redis.pcall('PUBLISH', route.channels[1], element)
    if type(answer) == 'table' then answer = answer.err else addSoon(route.list, element) end
    reply[#reply + 1] = answer
  else
    addAll()
    if route.ids then reply[#reply + 1] = emit(route, element, read(), readNumber())
    else reply[#reply + 1] = emit(route, element) end
  end
end
addAll()
-- Blocked consumers do not see what is in the lists of levels.
for _, list in pairs(lists) do
  if list.isOutOfSight and list.wasEmpty then redis.pcall('PUBLISH', list.wake, '') end
end
local isRefused = type(reply[2]) == 'string' or type(reply[2]) == 'table' and reply[2][1] == 'full'
for _, list in pairs(lists) do
  local due = firstRest(list.resting)
  if due then tellKeeper(list.roles, list.wake, due) end
  tellReader(list)
end
if isLarge and (reply[2] == ${DUPLICATE} or isRefused) then dropBodies() end
return reply
`;

const definition = {
  action: 'emit an event',
  keys: ['wildcards'],
  args: ['version', 'checkCount', 'routeCount', 'parkAbove', 'bodyName', 'bodies'],
  shared: [NOW_MS, ENTER, FORGET_ENDED, LENGTH, REFER, PARK, TELL_KEEPER, TELL_READER],
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
  const [areOld, ...old] = rest;
  const patterns: (readonly [number, ReadonlyMap<string, string>])[] = [];
  for (let at = 0; at + 1 < old.length; at += 2)
    patterns.push([readNumber(old[at]) - 1, readIndex(old[at + 1])]);
  return { isCurrent: false, areWildcardsOld: areOld === 1, patterns };
}

function readEmitted(answer: unknown): Emitted {
  if (typeof answer === 'number') return answer;
  if (!Array.isArray(answer)) return { error: String(answer) };
  const [first, second, ...rest] = readArray(answer);
  if (typeof first !== 'number') {
    const [length, maxLength] = rest.map(readNumber);
    return { full: readNumber(second) - 1, length: length ?? 0, maxLength: maxLength ?? 0 };
  }
  const historyId = String(second);
  return {
    listeners: first,
    historyId: historyId === '' ? undefined : historyId,
    dropped: rest.map((number) => readNumber(number) - 1),
  };
}

/** The reply of HGETALL within a script: names and values in turn. */
function readIndex(reply: unknown): ReadonlyMap<string, string> {
  const flat = readArray(reply).map(String);
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i] ?? '', flat[i + 1] ?? '');
  return fields;
}
