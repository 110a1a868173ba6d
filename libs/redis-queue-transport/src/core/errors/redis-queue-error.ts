import { isMarked, mark } from './mark.js';

const ERROR = mark('error');

/** Each error class has its own code, so that the compiler can check whether a `switch` over them is complete. */
export type RedisQueueErrorCode =
  | 'INVALID_OPTION'
  | 'INVALID_PATTERN'
  | 'SERVER_STARTED'
  | 'UNENCODABLE'
  | 'UNDECODABLE'
  | 'UNREADABLE_KEY'
  | 'PAYLOAD_TOO_LARGE'
  | 'HEADER_TOO_LARGE'
  | 'REDIS_UNAVAILABLE'
  | 'CLIENT_CLOSED'
  | 'SENDER_FULL'
  | 'QUEUE_FULL'
  | 'QUEUE_TOO_LONG'
  | 'UNSAFE_REDIS'
  | 'REDIS_REFUSED'
  | 'OUTCOME_UNKNOWN'
  | 'NOT_REPLICATED'
  | 'INCOMPLETE'
  | 'REQUEST_TIMEOUT'
  | 'NO_HANDLER'
  | 'NOT_HANDLED'
  | 'NOBODY_LISTENS'
  | 'LEASE_LOST'
  | 'HANDLER_TIMEOUT'
  | 'CALLER_GONE'
  | 'SHUTDOWN'
  | 'ACTION_REFUSED';

/**
 * Base of every error that this library throws. `code` is stable and meant to be compared; the message is for people.
 */
export abstract class RedisQueueError extends Error {
  abstract readonly code: RedisQueueErrorCode;

  static {
    Object.defineProperty(this.prototype, ERROR, { value: true });
  }

  /** Recognises errors of another copy of this package by their name. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    // The prototype of the class carries the mark itself.
    if (!isMarked(value, ERROR) || Object.hasOwn(value as object, ERROR)) return false;
    return this === RedisQueueError || Reflect.get(value as object, 'name') === this.name;
  }
  /** Written out, since bundlers shorten class names. */
  abstract override readonly name: string;
}
