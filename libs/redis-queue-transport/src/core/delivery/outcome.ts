import type { SkipReason } from '../broker/lease.js';
import { UnreadableKeyError } from '../errors/data-errors.js';
import { detailsOf } from '../errors/error-details.js';
import type { ErrorSummary } from '../errors/error-details.js';
import { messageOf } from '../errors/message-of.js';
import type { RetryPolicy } from './retry.js';
import { retryDelayMs } from './retry.js';
import type { Runtime } from '../process/runtime.js';

/** Why a message was dead-lettered. */
export type DeadReason =
  /** The handler failed, and the message has no attempt left. */
  | 'handlerFailed'
  /** The handler failed with an error that another attempt cannot fix. */
  | 'notRetried'
  /** The handler asked for it. */
  | 'rejected'
  /** The element's bytes cannot be read. */
  | 'undecodable'
  /** The key of the event cannot be told from its data. */
  | 'unreadableKey'
  /** It was the only message running when its process died, too many times. */
  | 'crashed';

/** What becomes of a delivery. */
export type Outcome =
  /** Done: remove it. With `isFailure`, the handler failed with this error, and its caller was told. */
  | { readonly kind: 'ack'; readonly isFailure?: true; readonly error?: unknown }
  /** It failed: put it back at the head of the queue, now or after the pause. The attempt counts. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly error: unknown }
  /** The handler asked for it: put it back at the head of the queue, now or after the pause. */
  | {
      readonly kind: 'postpone';
      readonly delayMs: number;
      /** Nothing else of the queue is handed out before that either. */
      readonly slowsQueue?: true;
      /** Nothing more of its key goes on before that. */
      readonly slowsKey?: true;
    }
  /** Dead-letter it with the reason. `failure` is set if the failure would have been worth another attempt. */
  | {
      readonly kind: 'deadLetter';
      readonly reason: DeadReason;
      readonly error: ErrorSummary;
      readonly failure?: unknown;
    }
  /** It was not run, for this reason: remove it and count that. */
  | { readonly kind: 'skip'; readonly why: SkipReason }
  /** Put it back at the head of the queue as if it had never been taken. The attempt does not count. */
  | { readonly kind: 'release' };

/** How a handler ended. */
export type Result =
  | { readonly kind: 'done' }
  /** `isShared` if several deliveries failed with this error, which then says little about each of them. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly isShared?: boolean }
  /** The request failed, and its caller was told. */
  | { readonly kind: 'refused'; readonly error?: unknown }
  /** The handler asks to run it again later. Without a time: after the pause of the retry policy. */
  | {
      readonly kind: 'retryLater';
      readonly delayMs: number | undefined;
      /** The whole queue is to wait for that long. */
      readonly slowsQueue?: true;
      /** The message's key is to wait for that long. */
      readonly slowsKey?: true;
    }
  /** The handler asks to dead-letter the message. */
  | { readonly kind: 'reject'; readonly error: unknown }
  /** It expired before it started. */
  | { readonly kind: 'expired' }
  /** The data could not be read, or its key. */
  | { readonly kind: 'undecodable'; readonly error: unknown };

export const ACK: Outcome = { kind: 'ack' };
export const RELEASE: Outcome = { kind: 'release' };
export const EXPIRED: Outcome = { kind: 'skip', why: 'expired' };
export const REPEATED: Outcome = { kind: 'skip', why: 'repeated' };
export const DONE: Result = { kind: 'done' };

/** A message postponed by 0 ms would be handed out before all others, again and again. */
const LEAST_POSTPONED_MS = 1;

/** What a handler's result means for a delivery with this attempt, after this many postponed ones. */
export function outcomeOf(
  result: Result,
  attempt: number,
  policy: RetryPolicy,
  runtime: Pick<Runtime, 'random'>,
  postponed = 0,
): Outcome {
  switch (result.kind) {
    case 'done':
      return ACK;
    case 'refused':
      return { kind: 'ack', isFailure: true, error: result.error };
    case 'failed':
      return outcomeOfFailure(result, attempt - postponed, policy, runtime);
    case 'retryLater':
      return {
        kind: 'postpone',
        delayMs: Math.max(
          LEAST_POSTPONED_MS,
          result.delayMs ?? retryDelayMs(policy, attempt, runtime),
        ),
        ...(result.slowsQueue === true && { slowsQueue: true }),
        ...(result.slowsKey === true && { slowsKey: true }),
      };
    case 'expired':
      return EXPIRED;
    case 'reject':
      return deadLetter('rejected', result.error);
    case 'undecodable':
      return deadLetter(reasonOf(result.error), result.error);
  }
}

function reasonOf(error: unknown): DeadReason {
  return error instanceof UnreadableKeyError ? 'unreadableKey' : 'undecodable';
}

function outcomeOfFailure(
  { error, isShared }: Result & { readonly kind: 'failed' },
  attempt: number,
  policy: RetryPolicy,
  runtime: Pick<Runtime, 'random'>,
): Outcome {
  const isLast = attempt >= policy.attempts;
  // The rule cannot change the outcome. It is still asked after a single attempt: would the next message fail as well?
  if (isLast && attempt > 1) return deadLetter('handlerFailed', error);
  const verdict = isShared === true ? true : verdictOn(error, policy);
  if (verdict === false) return deadLetter('notRetried', error);
  if (isLast) return { ...deadLetter('handlerFailed', error), failure: error };
  const delayMs = retryDelayMs(policy, attempt, runtime);
  return { kind: 'retry', delayMs, error: verdict === true ? error : verdict };
}

/**
 * Whether another attempt is worthwhile. If the rule itself is broken, it is; then returns an error that explains this.
 */
function verdictOn(error: unknown, policy: RetryPolicy): boolean | Error {
  try {
    const verdict: unknown = policy.if?.(error) ?? true; // In JavaScript, a rule may return anything.
    if (typeof verdict === 'boolean') return verdict;
    // A promise is already a mistake, whatever it resolves to.
    if (verdict instanceof Promise) verdict.catch(() => undefined);
    const got = verdict instanceof Promise ? 'a promise' : typeof verdict;
    return mistakenRule(`must return true or false, got ${got}`, error);
  } catch (mistake) {
    return mistakenRule(`failed: ${messageOf(mistake)}`, error);
  }
}

function mistakenRule(what: string, error: unknown): Error {
  const text = `retry.if ${what}. The message is tried again. It failed with: ${messageOf(error)}`;
  return new Error(text, { cause: error });
}

export function deadLetter(
  reason: DeadReason,
  error: unknown,
): Outcome & { readonly kind: 'deadLetter' } {
  return { kind: 'deadLetter', reason, error: summarize(error) };
}

/** Never throws: handlers may throw anything, even objects that throw when they are read. */
export function summarize(error: unknown): ErrorSummary {
  try {
    return error instanceof Error ? summaryOf(error) : { name: 'Error', message: shown(error) };
  } catch {
    // Part of it cannot be read, but perhaps its message can.
    return { name: 'Error', message: messageOf(error) };
  }
}

function summaryOf(error: Error): ErrorSummary {
  // These fields may have any type.
  const { message, stack, name } = error as { [Field in keyof Error]: unknown };
  const details = detailsOf(error);
  return {
    // Many subclasses keep the name of their parent.
    name: name === 'Error' ? error.constructor.name : asText(name),
    message: asText(message),
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(details === undefined ? {} : { details }),
  };
}

function shown(thrown: unknown): string {
  const hasMessage = typeof thrown === 'object' && thrown !== null && 'message' in thrown;
  return hasMessage && typeof thrown.message === 'string' ? thrown.message : asText(thrown);
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // It cannot be written as JSON.
    return String(value);
  }
}
