/** What a call saw of a reply list before it added to it. */
export interface SeenList {
  readonly length: number;
  /** The beginning of its first element, if the call looked at it. */
  readonly head: string | undefined;
  /** How many values of streams all servers had added to it, if that is counted: only differences mean something. */
  readonly added: number | undefined;
}

interface Suspicion {
  /** When the list was first seen unread, by the clock. */
  readonly since: number;
  /** While nobody reads the list, it is at least this long. */
  length: number;
  head: string | undefined;
  /**
   * How many values were added minus the length of the list. It grows only if somebody reads the list: other replies
   * lower it.
   */
  gone: number | undefined;
}

/** No living caller leaves its list unread for so long. */
const PATIENCE_MS = 30_000;
/**
 * After this part of that time, calls look at the first element and count additions: with others adding, the length
 * alone says little.
 */
const CLOSER_AFTER = 1 / 3;
/** With more unread replies than this, a caller counts as dead at once. */
const MOST_UNREAD = 100_000;
/** Most lists that are watched. Beyond that it starts again, which only delays what it finds out. */
const MOST_WATCHED = 1_000;

/**
 * Finds out which callers no longer read their replies, from what their lists look like whenever a value of a stream is
 * added: nobody has to ask them, and a list that is read at once is not even remembered. A list counts as unread as
 * long as it does not get shorter, its first element looks the same, and what is added stays in it. The first element
 * alone is not enough: the values of a stream that only shows that it is alive look the same.
 */
export class UnreadLists {
  readonly #suspected = new Map<string, Suspicion>();

  constructor(
    /** Monotonic, in ms. */
    private readonly now: () => number,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Whether the next call should look at more than the length. */
  wantsCloserLook(list: string): boolean {
    const known = this.#suspected.get(list);
    return known !== undefined && this.now() - known.since >= this.patienceMs * CLOSER_AFTER;
  }

  /**
   * Takes what a call saw, in the order of the calls, and how many it added. True once nobody has read for too long,
   * and while far too many replies wait.
   */
  isUnread(list: string, seen: SeenList, adding: number): boolean {
    const isLeft = this.#isLeft(list, seen, adding);
    return isLeft || seen.length > MOST_UNREAD;
  }

  #isLeft(list: string, { length, head, added }: SeenList, adding: number): boolean {
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
