import type { ErrorSummary } from '../errors/error-details.js';

/** A message as people look at it. */
export interface QueuedMessage {
  readonly id: string | undefined;
  readonly attempt: number;
  readonly sentAt: Date | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** The data; undefined if the body cannot be read here. */
  readonly data: unknown;
  /** Why the header or the body cannot be read here; absent if both can. */
  readonly unreadable?: string;
  /** The element's bytes in Redis. */
  readonly element: Buffer;
}

export interface DelayedMessage extends QueuedMessage {
  readonly dueAt: Date;
}

export interface DeadLetterEntry extends QueuedMessage {
  /** Identifies the dead letter in other calls. Not the message's id: a message may have been dead-lettered several times. */
  readonly entry: string;
  readonly reason: string;
  readonly error: ErrorSummary;
  readonly deadAt: Date;
  readonly consumer: string;
}
