import { RedisRefusedError } from './call-errors.js';

/** Redis does not say which queue it means. Other errors are left as they are. */
export function refusalOf(queue: string, error: unknown): unknown {
  if (!(error instanceof RedisRefusedError)) return error;
  return new RedisRefusedError(error.reply, `Queue "${queue}": ${error.message}`, { cause: error });
}
