/** The result of `enqueue`, once Redis holds the message. */
export interface EnqueueResult {
  readonly id: string;
  /**
   * A message with this id was already held or handled within its `deduplicate` window: nothing was added. If the client
   * sent this message again by itself, that other message may be this one.
   */
  readonly isDuplicate: boolean;
}

/** The result of `emit`, once Redis holds all copies. */
export interface EmitResult {
  readonly id: string;
  /** How many groups got a copy. A group that handles it under several patterns counts once. */
  readonly groups: number;
  /** How many live subscriptions got it: one for each replica, and one more for each matching wildcard of the replica. */
  readonly listeners: number;
  /**
   * An event with this id was already emitted within its `deduplicate` window: nobody got this one, and the counts are 0. If
   * the client sent this event again by itself, that other event may be this one.
   */
  readonly isDuplicate: boolean;
  /** Its place in the history of its pattern, if there is one. */
  readonly historyId: string | undefined;
}

/** How full a queue is. */
export interface QueueFill {
  /** How many messages wait, delayed ones included. */
  readonly length: number;
  /** How many may wait: the option `maxLength` of the handler. Undefined without a limit. */
  readonly maxLength: number | undefined;
  /** Another message would be refused now. */
  readonly isFull: boolean;
  /** Nothing waits, not even a delayed message. Consumers may hold some. */
  readonly isEmpty: boolean;
}
