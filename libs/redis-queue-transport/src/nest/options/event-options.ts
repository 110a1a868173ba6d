import type { HistoryOptions } from './declarations.js';
import type { RedisQueueHandlerOptions } from './options.js';

/** `new`, `earliest`, or a `historyId`. */
// With a plain string the two words would be lost to editors.
type HistoryStart = 'new' | 'earliest' | Date | (string & {});

/** What a handler of events can set for itself, as `@EventPattern(pattern, { … })`. */
export interface RedisQueueEventOptions extends RedisQueueHandlerOptions {
  /**
   * Makes the events durable: of each, this group gets one copy on a list of its own, and one replica of the group
   * handles it, with retries and dead letters as for messages. Letters, digits, `_`, `.` and `-`. Default: none, and
   * every replica hears the event live, or not at all.
   */
  readonly group?: string | undefined;
  /** The same with the server's `group`. Default false. */
  readonly durable?: boolean | undefined;
  /**
   * Keeps the last events of the pattern for groups that come later and for replays. Where several handlers of the
   * pattern in one server have it, or its `declare` too, all give the same bounds. Default: none are kept.
   */
  readonly history?: HistoryOptions | undefined;
  /**
   * Where in the history of the pattern a group begins that is new: with what comes, with the oldest that is kept, with
   * what was emitted since a time of Redis's clock, or with the event of a `historyId`. Plays no part for a group that
   * is known. Default `new`.
   */
  readonly from?: HistoryStart | undefined;
  /**
   * For live events of a pattern that has a history: gives a replica that was cut off what it missed, in order, as far
   * as it was emitted within the last `withinMs`. What is older, or kept no longer, it is told of as the server's event
   * `gap`. Holds for all live handlers of the pattern in this server. Default: what is missed is missed.
   */
  readonly recover?: { readonly withinMs: number } | undefined;
}
