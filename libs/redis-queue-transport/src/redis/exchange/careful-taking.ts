import { OutcomeUnknownError, RedisRefusedError } from '../../core/errors/call-errors.js';
import type { Connection } from '../connection/connection.js';
import type { TakingEnd } from '../lua/moving-lua.js';

/**
 * After a large element, this many are taken by a plain command each, which copies an element faster than any script
 * reads it: a script learns how large the next element is only by reading it.
 */
const CAREFUL_AFTER_LARGE = 1_000;

/** The same for a list that may begin with a large one. */
const CAREFUL_AT_FIRST = 16;

/** Most of these commands sent together: one at first, then twice as many each time, while all elements are small. */
const CAREFUL_STEP = 16;

/** What was taken by plain commands. */
export interface TakenCarefully {
  readonly taken: readonly Buffer[];
  /** There may be more. */
  readonly isCut: boolean;
  /** Redis refuses plain commands: they are not used for the next elements. */
  readonly isRefused: boolean;
  /** A reply was lost: its command may still be executed, much later. */
  readonly isUnknown: boolean;
}

/** Takes elements by plain commands while large ones may come: scripts would have to read them. */
export class CarefulTaking {
  /** How many more are taken by a plain command each. */
  #left: number;
  #step = 1;

  /** @param mayMeetLarge there may be a large element among the first waiting ones */
  constructor(
    private readonly commands: Connection,
    private readonly lists: { readonly waiting: string; readonly processing: string },
    private readonly takesFrom: TakingEnd,
    mayMeetLarge: boolean,
  ) {
    this.#left = mayMeetLarge ? CAREFUL_AT_FIRST : 0;
  }

  get isDue(): boolean {
    return this.#left > 0;
  }

  metLarge(): void {
    this.#left = CAREFUL_AFTER_LARGE;
    this.#step = 1;
  }

  /** Counts what was taken, in whatever way. */
  count(taken: number): void {
    this.#left = Math.max(0, this.#left - taken);
  }

  /** Never rejects. */
  async take(most: number): Promise<TakenCarefully> {
    const { takesFrom } = this;
    const { waiting, processing } = this.lists;
    const count = Math.min(most, this.#step);
    this.#step = Math.min(CAREFUL_STEP, 2 * count);
    const moves = await Promise.allSettled(
      Array.from({ length: count }, () =>
        this.commands.run('take messages', (client) =>
          takesFrom === 'LEFT'
            ? client.lmoveBuffer(waiting, processing, 'LEFT', 'RIGHT')
            : client.lmoveBuffer(waiting, processing, 'RIGHT', 'RIGHT'),
        ),
      ),
    );
    const taken: Buffer[] = [];
    let isOver = false;
    let isFailed = false;
    let isRefused = false;
    let isUnknown = false;
    for (const move of moves) {
      if (move.status === 'rejected') {
        isFailed = true;
        isUnknown ||= move.reason instanceof OutcomeUnknownError;
        isRefused ||= move.reason instanceof RedisRefusedError;
      } else if (move.value === null) isOver = true;
      else taken.push(move.value);
    }
    if (isRefused) this.#left = 0;
    return { taken, isCut: isFailed || !isOver, isRefused, isUnknown };
  }
}
