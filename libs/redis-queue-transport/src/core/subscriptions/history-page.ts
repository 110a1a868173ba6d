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
  /** The last entry of the history, or "0-0". If more may follow this part, the last entry of the part. */
  readonly newest: string;
  /** Without entries that other programs put into the history. */
  readonly events: readonly Told[];
  /** Where this part ends, if more may follow. */
  readonly readTo: string | undefined;
}
