import type { HistoryOptions } from './declarations.js';
import type { RedisQueueHandlerOptions } from './options.js';

/** `new`, `earliest`, or a `historyId`. */
// Not a plain `string`: then editors would no longer suggest the two words.
type HistoryStart = 'new' | 'earliest' | Date | (string & {});

/** Tells the key of an event from its data. */
export type RedisQueueEventKey = {
  // A method, so that a function that takes a certain type of data fits.
  key(data: unknown): string | null | undefined;
}['key'];

/** What an event handler can set for itself, as `@EventPattern(pattern, { … })`. */
export interface RedisQueueEventOptions extends RedisQueueHandlerOptions {
  /**
   * Makes the events durable: this group gets one copy of each event in a queue of its own, and one replica of the
   * group handles it, with retries and dead letters as for messages. Letters, digits, `_`, `.` and `-`. Default: none.
   * Every replica that listens hears the event live.
   */
  readonly group?: string | undefined;
  /** The same with the server's `group`. Default false. */
  readonly durable?: boolean | undefined;
  /**
   * Keeps the last events of the pattern for groups that start later and for replays. If several handlers of the
   * pattern in one server set it, or its `declare` does, all must give the same bounds. Default: no events are kept.
   */
  readonly history?: HistoryOptions | undefined;
  /**
   * Where in the history of the pattern a new group starts: with new events, with the oldest kept event, at a time of
   * Redis's clock, or at the event of a `historyId`. Ignored for a group that already exists. Default `new`.
   */
  readonly from?: HistoryStart | undefined;
  /**
   * What happens to an event if this group's list is full, for a handler with a `maxLength`. `refuse`: nobody gets the
   * event, and `emit` fails with `QueueFullError`, or waits for room (`waitForRoomMs`). `drop`: this group gets no copy,
   * which is counted (`copiesDropped` in `RedisQueueAdmin.lengths()`), and everyone else gets the event. Default
   * `refuse`.
   */
  readonly onFull?: 'refuse' | 'drop' | undefined;
  /**
   * Tells the key of an event from its data, for a group: events with the same key are handled one after the other, in the
   * order in which they were emitted, even if their sender knows nothing of keys. Returns text of at most 255 bytes
   * (percent-encoded), or undefined for no key; for an event that has a key, it is not called. One process at a
   * time calls it for all, and for an event without a key the one that handles it, once more. It should be quick, and must return the same for the same data. An event for which it throws is
   * dead-lettered. Default: the key that the sender gave, if any.
   */
  readonly key?: RedisQueueEventKey | undefined;
  /**
   * For live events of a pattern with a history: a replica that was disconnected gets the events that it missed, in
   * order, if they were emitted within the last `withinMs`. The server's event `gap` reports older ones, and ones no
   * longer kept. Applies to all live handlers of the pattern in this server. Default: missed events are lost.
   */
  readonly recover?: { readonly withinMs: number } | undefined;
}
