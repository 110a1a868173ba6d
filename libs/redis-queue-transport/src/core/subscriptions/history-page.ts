/** An event of a history, or one published for listeners that recover. */
export interface Told {
  /** Counts the events of the history, from 1. */
  readonly number: number;
  readonly id: string;
  readonly element: Buffer;
}

/** A part of a history. */
export interface HistoryPage {
  /** How many events the history has ever had. */
  readonly total: number;
  /** Its last entry, or "0-0"; if there may be more than this part, the last of this. */
  readonly newest: string;
  /** Without entries that other programs put into the history. */
  readonly events: readonly Told[];
  /** Where this part ends, if there may be more behind it. */
  readonly readTo: string | undefined;
}
