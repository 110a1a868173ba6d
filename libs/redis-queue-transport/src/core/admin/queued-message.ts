import type { ErrorSummary } from '../errors/error-details.js';

/** A message as people look at it. */
export interface QueuedMessage {
  readonly id: string | undefined;
  readonly attempt: number;
  readonly sentAt: Date | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** The data; undefined where the body cannot be read here. */
  readonly data: unknown;
  /** The element's bytes as they stand in Redis. */
  readonly element: Buffer;
}

export interface DelayedMessage extends QueuedMessage {
  readonly dueAt: Date;
}

export interface DeadLetterEntry extends QueuedMessage {
  /** Names the dead letter in further calls. Not the message's id: the same message may have died several times. */
  readonly entry: string;
  readonly reason: string;
  readonly error: ErrorSummary;
  readonly deadAt: Date;
  readonly consumer: string;
}
