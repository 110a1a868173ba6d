import { GIVE_BACK, NOW_MS, Script, readNumber } from '../script.js';

/**
 * Ends a consumer: what it still holds goes back unharmed. With a `fenceMs` above 0 the name stays watched for so
 * long, for a command of its whose outcome is not known. Replies how many deliveries went back.
 */
export const leave = new Script({
  action: 'leave a queue',
  keys: ['waiting', 'processing', 'consumers', 'fenced'],
  args: ['consumer', 'fenceMs'],
  lua: `
${GIVE_BACK}
redis.call('ZREM', consumers, consumer)
if tonumber(fenceMs) > 0 then
  ${NOW_MS}
  redis.call('ZADD', fenced, now + fenceMs, consumer)
end
return moved
`,
  read: readNumber,
});
