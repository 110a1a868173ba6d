/**
 * Sends an e-mail unless one was sent for the same key.
 *
 * KEYS: idempotency keys, sent e-mails. ARGV: idempotency key, e-mail. Reply: none.
 */
export const sendOnceScript = `
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
  redis.call('RPUSH', KEYS[2], ARGV[2])
end
`;
