import type { ErrorSummary } from '../errors/error-details.js';

/** A message as it is shown to people. */
export interface QueuedMessage {
  readonly id: string | undefined;
  /** An event's own pattern; undefined for a message, whose pattern is that of its queue. */
  readonly pattern: string | undefined;
  /** From 0 to 9, higher first; 4 unless the sender gave one. */
  readonly priority: number;
  readonly attempt: number;
  /** How often it was running when its process died. */
  readonly crashes: number;
  readonly sentAt: Date | undefined;
  /** No handler starts it after this time of Redis's clock. */
  readonly expiresAt: Date | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** The data; undefined if the body cannot be read here, or was left unread (`isDataUnread`). */
  readonly data: unknown;
  /** Whether the body was left unread because it is large, as `withLarge: false` asks for. */
  readonly isDataUnread: boolean;
  /** Why the header or the body cannot be read here; absent if both can. */
  readonly unreadable?: string;
  /** The element's bytes in Redis. */
  readonly element: Buffer;
}

export interface DelayedMessage extends QueuedMessage {
  readonly dueAt: Date;
}

export interface HeldMessage extends QueuedMessage {
  /** The consumer that holds it: there it runs, or is about to. */
  readonly consumer: string;
}

/** A message that is not dead-lettered, and where it is. */
export type FoundMessage =
  | (QueuedMessage & { readonly place: 'waiting' })
  | (DelayedMessage & { readonly place: 'delayed' })
  | (HeldMessage & { readonly place: 'held' });

export interface DeadLetterEntry extends QueuedMessage {
  /**
   * Identifies the dead letter in other calls. Not the message's id: a message may have been dead-lettered several
   * times.
   */
  readonly entry: string;
  readonly reason: string;
  readonly error: ErrorSummary;
  readonly deadAt: Date;
  readonly consumer: string;
}
