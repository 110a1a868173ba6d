/** Stands in place of an entry for the oldest event of a history that is kept. */
export const EARLIEST = 'earliest';
