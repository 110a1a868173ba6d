/** Given instead of an entry, it means the oldest event that the history still has. */
export const EARLIEST = 'earliest';
