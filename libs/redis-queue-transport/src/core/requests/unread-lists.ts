/** What a call saw of a reply list before it added to it. */
export interface SeenList {
  readonly length: number;
  /** The beginning of its first element, where that was looked at. */
  readonly head: string | undefined;
  /** How many values of streams all had added to it, where that was counted: from any number on. */
  readonly added: number | undefined;
}

interface Suspicion {
  /** When nobody had read it for the first time, by the clock. */
  readonly since: number;
  /** What the list has at least while nobody reads it. */
  length: number;
  head: string | undefined;
  /** How many were added less how many there were. It grows only as the list is read: other replies make it less. */
  gone: number | undefined;
}

/** No caller that lives leaves its list alone for so long. */
const PATIENCE_MS = 30_000;
/** From then on the first element is looked at and additions are counted: of what others add, the length knows nothing. */
const CLOSER_AFTER = 1 / 3;
/** So many lists are watched. Beyond that it begins anew, which only delays what it finds out. */
const MOST_WATCHED = 1_000;

/**
 * Finds out which callers do not read their replies any more, by what is seen of their lists whenever a value of a stream
 * is added: nobody has to ask them, and a list that is read at once is not even remembered. Nobody takes from a list for
 * as long as it has become no shorter, its first element looks the same, and what is added stays in it: first elements may look
 * alike, as the values of a stream that only says that it lives.
 */
export class UnreadLists {
  readonly #suspected = new Map<string, Suspicion>();

  constructor(
    /** Monotonic, in ms. */
    private readonly now: () => number,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Whether the next call is to look at more than the length. */
  wantsCloserLook(list: string): boolean {
    const known = this.#suspected.get(list);
    return known !== undefined && this.now() - known.since >= this.patienceMs * CLOSER_AFTER;
  }

  /** Takes what a call saw, in the order of the calls, and how many it added. True once nobody has read for too long. */
  isUnread(list: string, { length, head, added }: SeenList, adding: number): boolean {
    if (length === 0) {
      if (this.#suspected.size > 0) this.#suspected.delete(list);
      return false;
    }
    const known = this.#suspected.get(list);
    const gone = added === undefined ? undefined : added - length;
    const isRead =
      known === undefined ||
      length < known.length ||
      (gone !== undefined && known.gone !== undefined && gone > known.gone) ||
      (head !== undefined && known.head !== undefined && head !== known.head);
    if (isRead) {
      this.#watch(list, length + adding);
      return false;
    }
    known.length = length + adding;
    known.head ??= head;
    known.gone = gone;
    return known.head !== undefined && this.now() - known.since >= this.patienceMs;
  }

  #watch(list: string, length: number): void {
    if (this.#suspected.size >= MOST_WATCHED) this.#suspected.clear();
    this.#suspected.set(list, { since: this.now(), length, head: undefined, gone: undefined });
  }
}
