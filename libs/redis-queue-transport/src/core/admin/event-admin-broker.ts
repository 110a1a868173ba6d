import type { EventDeclaration } from '../broker/broker.js';
import type { EventIndex } from '../events/event-index.js';

/** What tending groups and histories needs from Redis. Rejects as {@link Broker} does. */
export interface EventAdminBroker {
  /** Who wants which events now. */
  index(): Promise<EventIndex>;
  declare(declaration: EventDeclaration): Promise<void>;
  /**
   * Ends a subscription, named by its queue. Answers whether there was one, and how many waiting and delayed messages
   * were removed, which is 0 where they are to be kept.
   */
  retire(queue: string, waiting: 'drop' | 'keep'): Promise<Retired>;
  /** Ends a history. Answers whether there was one, and how many of its entries were removed. */
  endHistory(pattern: string, entries: 'drop' | 'keep'): Promise<Retired>;
  /** Ends publishing to the live listeners of a wildcard; answers whether that was done. */
  forgetListeners(pattern: string): Promise<boolean>;
  history(pattern: string, part: HistoryPart): Promise<readonly HistoryElement[]>;
  /** The last entry of a history up to a bound (included; the newest without one). */
  lastEntry(pattern: string, to: string | undefined): Promise<string | undefined>;
  /** Adds a part of a history to the queue's tail, from its first to its last entry, in one step. */
  replay(pattern: string, queue: string, range: ReplayRange): Promise<ReplayStep>;
}

/** What ending a group, or a history, came to. */
export interface Retired {
  readonly wasThere: boolean;
  /** How many messages, or entries, were removed for good; 0 where they are to be kept. */
  readonly dropped: number;
}

/** Entries of a history, as they are listed. */
export interface HistoryPart {
  /** The first one, included; without it the oldest, or the newest where that is first. */
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
  /** Where the next step begins; undefined when there is nothing more. */
  readonly next: string | undefined;
}
