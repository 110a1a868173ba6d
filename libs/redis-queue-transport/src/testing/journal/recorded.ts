import type { DeadReason } from '../../core/delivery/outcome.js';
import type { ErrorSummary } from '../../core/errors/error-details.js';

/** A message or an event that somebody sent. */
export interface SentMessage<TData = unknown> {
  readonly verb: 'enqueue' | 'emit' | 'send' | 'redrive';
  readonly pattern: string;
  readonly id: string;
  /** As it stands in the message: what JSON made of the data. Undefined for a redriven dead letter. */
  readonly data: TData;
  readonly headers: Readonly<Record<string, string>>;
  /** The app of the kit that sent it: its name, or `test` for the kit itself. */
  readonly app: string;
  /** Why it could not be sent; undefined if it was. */
  readonly error: unknown;
}

/** One attempt at a message or an event, which has ended. */
export interface Attempt<TData = unknown> {
  /** Of a message its queue, of an event its own pattern. */
  readonly pattern: string;
  /** For an event of a group, `@GROUP/PATTERN`. */
  readonly queue: string;
  readonly id: string | undefined;
  /** What the handler got, before pipes. Undefined if it did not get that far. */
  readonly data: TData;
  readonly headers: Readonly<Record<string, string>>;
  /** From 1. */
  readonly attempt: number;
  /** The app of the kit that handled it. */
  readonly app: string;
}

/** A message or an event whose handler succeeded. */
export interface HandledMessage<TData = unknown, TResult = unknown> extends Attempt<TData> {
  /** What the handler returned; the last value of an Observable. */
  readonly result: TResult;
  /** Every value of an Observable. */
  readonly results: readonly TResult[];
  readonly durationMs: number;
}

/** An attempt that failed. It is retried, dead-lettered, or was a request whose caller was told. */
export interface FailedMessage<TData = unknown> extends Attempt<TData> {
  readonly error: unknown;
  readonly durationMs: number;
}

/** A message that runs again. */
export interface RetriedMessage<TData = unknown> extends Attempt<TData> {
  /** After this pause. */
  readonly delayMs: number;
  /** Why; undefined if its handler asked for it (`RetryLater`). */
  readonly error: unknown;
}

/** A message that failed for good. */
export interface DeadLetteredMessage<TData = unknown> extends Attempt<TData> {
  readonly reason: DeadReason;
  readonly error: ErrorSummary;
}
