/**
 * How long, in ms, replies wait for a caller that does not read: longer than any reconnect, short enough for a caller
 * that died.
 */
export const KEEP_REPLIES_MS = 60_000;

/**
 * Larger replies use a connection of their own, which costs two more round trips. Smaller ones delay others by less.
 */
export const LARGE_REPLY_BYTES = 65_536;

/** How long, in ms, replies wait for a connection that is away: as long as callers wait by default. */
export const REPLY_PATIENCE_MS = 10_000;

/** Most replies that wait for a connection: a handler may return an endless stream. */
export const MOST_WAITING_REPLIES = 10_000;
