import { RedisRefusedError } from './call-errors.js';

/** Adds the name of the queue to a refusal, since Redis does not say it. Returns other errors unchanged. */
export function refusalOf(queue: string, error: unknown): unknown {
  if (!(error instanceof RedisRefusedError)) return error;
  return new RedisRefusedError(error.reply, `Queue "${queue}": ${error.message}`, { cause: error });
}
