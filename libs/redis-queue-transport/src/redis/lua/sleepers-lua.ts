import { SharedLua } from '../script/shared-lua.js';

/** How many of the consumers that sleep watch the queue for all of them. */
export const WATCHERS = 3;

/** News for one sleeping consumer, on the channel of its process and followed by the consumer's name. */
export const SLEEPER_NEWS = {
  /** It is one of the watchers now. */
  watch: 'watch',
  /** Messages wait, and others have no place for them. */
  look: 'look',
} as const;

/** How many sleeping consumers are told of messages that wait while one leaves its place among them. */
const MOST_TOLD = 2;

/**
 * Ends the sleep of a consumer, as the Lua function `endSleep(consumer)`. If it was a watcher, the next one becomes a watcher
 * and is told. If messages wait, some others are told to look, so that a burst reaches more and more of them.
 */
export const END_SLEEP = new SharedLua(
  `
local function tellSleeper(sleeper, news)
  local process = string.gsub(sleeper, '%-%d+$', '')
  redis.call('PUBLISH', wake .. ':' .. process, news .. ' ' .. sleeper)
end
local function endSleep(consumer)
  local place = redis.call('ZRANK', sleepers, consumer)
  if not place then return end
  redis.call('ZREM', sleepers, consumer)
  if place < ${WATCHERS} then
    local follower = redis.call('ZRANGE', sleepers, ${WATCHERS - 1}, ${WATCHERS - 1})[1]
    if follower then tellSleeper(follower, '${SLEEPER_NEWS.watch}') end
  end
  if redis.call('EXISTS', waiting) == 0 then return end
  for _, sleeper in ipairs(redis.call('ZRANDMEMBER', sleepers, ${MOST_TOLD})) do
    tellSleeper(sleeper, '${SLEEPER_NEWS.look}')
  end
end
`,
  ['sleepers', 'waiting', 'wake'],
);

/**
 * Whether a sleeping consumer is one of the watchers, as the Lua function `isWatcher(consumer)`. Consumers without a lease do
 * not count, and are forgotten.
 */
export const IS_WATCHER = new SharedLua(
  `
local function isWatcher(consumer)
  local isClean
  repeat
    isClean = true
    for _, watcher in ipairs(redis.call('ZRANGE', sleepers, 0, ${WATCHERS - 1})) do
      if watcher == consumer then return true end
      if not redis.call('ZSCORE', consumers, watcher) then
        redis.call('ZREM', sleepers, watcher)
        isClean = false
      end
    end
  until isClean
  return false
end
`,
  ['sleepers', 'consumers'],
);
