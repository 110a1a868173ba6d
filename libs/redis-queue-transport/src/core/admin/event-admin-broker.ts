import type { EventDeclaration } from '../broker/broker.js';
import type { EventIndex } from '../events/event-index.js';

/** What managing groups and histories needs from Redis. Rejects like {@link Broker}. */
export interface EventAdminBroker {
  /** Which groups and listeners currently want which events. */
  index(): Promise<EventIndex>;
  /** Whether a field of the index is there. */
  isWanted(field: string): Promise<boolean>;
  declare(declaration: EventDeclaration): Promise<void>;
  /**
   * Ends a subscription, named by its queue. Returns whether there was one, and how many waiting and delayed messages
   * were removed: 0 if they are kept.
   */
  retire(queue: string, waiting: 'drop' | 'keep'): Promise<Retired>;
  /** Ends a history. Returns whether there was one, and how many of its entries were removed. */
  endHistory(pattern: string, entries: 'drop' | 'keep'): Promise<Retired>;
  /** Stops publishing to the live listeners of a wildcard. Returns whether there was one. */
  forgetListeners(pattern: string): Promise<boolean>;
  history(pattern: string, part: HistoryPart): Promise<readonly HistoryElement[]>;
  /** The last entry of a history up to a bound (included; the newest without one). */
  lastEntry(pattern: string, to: string | undefined): Promise<string | undefined>;
  /** Adds a part of a history to the queue's tail, from its first to its last entry, in one step. */
  replay(pattern: string, queue: string, range: ReplayRange): Promise<ReplayStep>;
}

/** The result of ending a group or a history. */
export interface Retired {
  readonly wasThere: boolean;
  /** How many messages or entries were removed for good; 0 if they are kept. */
  readonly dropped: number;
}

/** Which entries of a history to list. */
export interface HistoryPart {
  /** The first entry, included. Default: the oldest, or the newest with `newestFirst`. */
  readonly from: string | undefined;
  readonly count: number;
  readonly isNewestFirst: boolean;
}

export interface HistoryElement {
  readonly entry: string;
  /** Counts the events of this history, from 1. */
  readonly number: number;
  readonly element: Buffer;
}

export interface ReplayRange {
  /** An entry, `EARLIEST`, or where the step before says that the next one begins. */
  readonly from: string;
  readonly to: string;
}

export interface ReplayStep {
  readonly replayed: number;
  /** Where the next step begins; undefined if there is nothing more. */
  readonly next: string | undefined;
}
