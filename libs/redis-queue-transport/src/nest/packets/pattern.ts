import { InvalidPatternError } from '../../core/errors/start-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import { assertNamesQueue } from '../../core/message/queue-name.js';

/**
 * Nest's own normaliser returns these for objects on which it gives up: quite different patterns would share a queue.
 */
const GIVEN_UP = /\[(MAX_DEPTH_REACHED|TOO_MANY_KEYS)\]/;

/** Half of a surrogate pair: UTF-8 has no bytes for it, so that different patterns would share a queue. */
const HALF_A_CHARACTER = /\p{Surrogate}/u;

/**
 * The name of a pattern's queue and channel: the pattern as Nest normalises it.
 * @throws InvalidPatternError
 */
export function queueNameOf(pattern: unknown, normalize: (pattern: never) => unknown): string {
  if (pattern instanceof RegExp) {
    throw new InvalidPatternError(
      String(pattern),
      `A pattern cannot be a regular expression, got ${String(pattern)}: a queue has one name. For events, wildcards ` +
        'stand for several patterns: "*" for one segment between dots, "#" at the end for all that follows.',
    );
  }
  const normalized = normalizedBy(() => normalize(pattern as never)); // Nest says MsPattern; users pass anything
  if (normalized === '{}' && !isPlain(pattern)) {
    throw new InvalidPatternError(
      normalized,
      `A pattern must be a string, a number or a plain object, got a ${(pattern as object).constructor.name}: all of these would share one queue.`,
    );
  }
  if (typeof normalized !== 'string') {
    throw new InvalidPatternError(
      String(normalized),
      `A pattern must be a string, a number or a plain object, got ${String(normalized)}.`,
    );
  }
  assertNamesQueue(normalized);
  if (HALF_A_CHARACTER.test(normalized)) {
    throw new InvalidPatternError(
      normalized,
      `The pattern ${JSON.stringify(normalized)} contains half of a surrogate pair, which is not valid text.`,
    );
  }
  if (GIVEN_UP.test(normalized)) {
    throw new InvalidPatternError(
      normalized,
      'The pattern object is too deep or has too many keys (at most 5 levels and 20 keys).',
    );
  }
  return normalized;
}

function isPlain(pattern: unknown): boolean {
  if (typeof pattern !== 'object') return true;
  const prototype: unknown = Object.getPrototypeOf(pattern);
  return prototype === Object.prototype || prototype === null;
}

function normalizedBy(normalize: () => unknown): unknown {
  try {
    return normalize();
  } catch (error) {
    // Nest's normaliser throws for a symbol inside an object.
    throw new InvalidPatternError(
      '',
      `A pattern must be made of strings, numbers and plain objects: ${messageOf(error)}`,
    );
  }
}
