import { EXIT } from './exit-code.js';
import type { ExitCode } from './exit-code.js';
import { UsageError } from './usage-error.js';

const BY_CODE: Readonly<Record<string, ExitCode>> = {
  INVALID_OPTION: EXIT.usage,
  INVALID_PATTERN: EXIT.usage,
  UNENCODABLE: EXIT.usage,
  PAYLOAD_TOO_LARGE: EXIT.usage,
  HEADER_TOO_LARGE: EXIT.usage,
  REDIS_UNAVAILABLE: EXIT.unavailable,
  UNSAFE_REDIS: EXIT.refused,
  REDIS_REFUSED: EXIT.refused,
  QUEUE_FULL: EXIT.refused,
  QUEUE_TOO_LONG: EXIT.refused,
  OUTCOME_UNKNOWN: EXIT.unknown,
  INCOMPLETE: EXIT.failed,
  REQUEST_TIMEOUT: EXIT.failed,
  NO_HANDLER: EXIT.failed,
  NOT_HANDLED: EXIT.failed,
  HANDLER_FAILED: EXIT.failed,
  NOBODY_LISTENS: EXIT.failed,
};

/** The exit code after this error. It recognises the library's errors by their code, without loading the library. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage;
  return BY_CODE[String(Reflect.get(Object(error), 'code'))] ?? EXIT.fault;
}

/** The message of anything that was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
