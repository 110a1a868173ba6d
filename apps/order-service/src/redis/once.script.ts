/**
 * Adds an entry to a list unless one was added for the same key: how the imitated providers do each thing once.
 *
 * KEYS: idempotency keys, entries. ARGV: idempotency key, entry. Reply: none.
 */
export const onceScript = `
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
  redis.call('RPUSH', KEYS[2], ARGV[2])
end
`;
