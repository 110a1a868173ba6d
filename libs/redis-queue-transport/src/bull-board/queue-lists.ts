import { heldBack } from './held-back.js';
import { USUAL_PRIORITY } from '../core/message/priority.js';
import { RedisRefusedError } from '../index.js';
import type { QueueLengths, QueuedMessage, RedisQueueAdmin } from '../index.js';
import { DIGEST, idOrDigest, inState } from './board-message.js';
import type { MessageInState } from './board-message.js';

/** The lists of a queue, in the order in which a board shows them. */
export const STATES = ['active', 'waiting', 'prioritized', 'delayed', 'failed'] as const;

export type State = (typeof STATES)[number];

/** How many messages of a list are read if no end is given. */
export const PAGE = 100;

/** How many messages are searched for one without an id. */
const MOST_WITHOUT_ID = 1_000;

/** Redis's errors that concern one queue: one of its keys belongs to another program, or is forbidden to this user. */
const OF_ONE_QUEUE = ['WRONGTYPE', 'NOPERM'];

const NOTHING: QueueLengths = {
  waiting: 0,
  byPriority: {},
  inLanes: 0,
  unkeyed: 0,
  suspects: 0,
  processing: 0,
  delayed: 0,
  dead: 0,
  consumers: 0,
  isPaused: false,
  expired: 0,
  repeated: 0,
  deadLettersDropped: 0,
  copiesDropped: 0,
  maxLength: undefined,
  isFull: false,
  limit: undefined,
  perKey: { running: 1, rate: undefined, perMs: 1_000 },
  order: 'oldestFirst',
  slowedMs: 0,
  rateWaitMs: 0,
};

/** Which part of a list to read. */
interface ListPage {
  readonly offset: number;
  readonly limit: number;
  readonly withLarge: boolean;
}

/** The messages of a queue by the states that a board knows. */
export class QueueLists {
  #underWay: Promise<QueueLengths> | undefined;
  #trouble: string | undefined;
  #heldBack: readonly string[] = [];

  constructor(
    private readonly admin: RedisQueueAdmin,
    private readonly queue: string,
  ) {}

  /** Why this queue could not be looked at when its lengths were last asked for; undefined if it could. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** What held messages back when its lengths were last asked for. */
  get heldBack(): readonly string[] {
    return this.#heldBack;
  }

  /** Makes one call for all that ask at the same time, as a board does for its overview. */
  lengths(): Promise<QueueLengths> {
    this.#underWay ??= this.#look().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  /** A board shows all queues or none, so this must not fail for one that cannot be looked at. */
  async #look(): Promise<QueueLengths> {
    try {
      const lengths = await this.admin.lengths(this.queue);
      this.#trouble = undefined;
      this.#heldBack = heldBack(lengths);
      return lengths;
    } catch (error) {
      if (!(error instanceof RedisRefusedError) || !OF_ONE_QUEUE.includes(error.reply)) throw error;
      this.#trouble = error.message;
      return NOTHING;
    }
  }

  async list(
    state: State,
    { offset, limit }: { readonly offset: number; readonly limit: number },
    newestFirst: boolean,
    // Large bodies are for those who open a message: a board asks for its lists every few seconds.
    withLarge = false,
  ): Promise<MessageInState[]> {
    const page = { offset, limit, withLarge };
    switch (state) {
      case 'active':
        return (await this.admin.held(this.queue, page)).map((message) => ({ state, message }));
      case 'waiting':
        return (await this.#waiting(page)).map((message) => ({ state, message }));
      case 'prioritized':
        return (await this.#prioritized(page)).map((message) => ({ state, message }));
      case 'delayed':
        return (await this.admin.delayed(this.queue, page)).map((message) => ({
          state,
          message,
        }));
      case 'failed': {
        const { letters } = await this.admin.deadLetters(this.queue, { ...page, newestFirst });
        return letters.map((message) => ({ state, message }));
      }
    }
  }

  /** Suspects, then what consumers may take, then what is in lanes. */
  async #waiting(page: ListPage): Promise<readonly QueuedMessage[]> {
    const lengths = await this.lengths();
    const { higher, usual } = byPriority(lengths);
    return pageOf(page, [
      { length: lengths.suspects, read: (part) => this.admin.suspects(this.queue, part) },
      { length: usual, read: (part) => this.#peek(part, higher, true) },
      { length: lengths.inLanes, read: (part) => this.#inLanes(part) },
    ]);
  }

  /** In the order in which they are taken. */
  async #prioritized(page: ListPage): Promise<readonly QueuedMessage[]> {
    const { higher, usual, lower } = byPriority(await this.lengths());
    return pageOf(page, [
      { length: higher, read: (part) => this.#peek(part, 0, false) },
      { length: lower, read: (part) => this.#peek(part, higher + usual, false) },
    ]);
  }

  /** What is taken behind the first `passed`. Some may have gone since they were counted, so others can be there. */
  async #peek(
    { offset, ...page }: ListPage,
    passed: number,
    isUsual: boolean,
  ): Promise<readonly QueuedMessage[]> {
    const messages = await this.admin.peek(this.queue, { ...page, offset: passed + offset });
    return messages.filter(({ priority }) => (priority === USUAL_PRIORITY) === isUsual);
  }

  /** Lane by lane, the longest first. */
  async #inLanes({ offset, limit, withLarge }: ListPage): Promise<readonly QueuedMessage[]> {
    // Each of them has a message, so no more are needed.
    const lanes = await this.admin.lanes(this.queue, { limit: offset + limit });
    const parts = lanes.map(({ key, waiting }) => ({
      length: waiting,
      read: (part: ListPage) => this.admin.peek(this.queue, { ...part, key }),
    }));
    return pageOf({ offset, limit, withLarge }, parts);
  }

  async find(id: string): Promise<MessageInState | undefined> {
    const letter = await this.admin.deadLetter(this.queue, id);
    if (letter !== undefined) return { state: 'failed', message: letter };
    const found = id === '' ? undefined : await this.admin.find(this.queue, id);
    if (found !== undefined) return inState(found);
    return id.startsWith(DIGEST) ? this.#findWithoutId(id) : undefined;
  }

  /** Messages that other programs push have no id. */
  async #findWithoutId(digest: string): Promise<MessageInState | undefined> {
    for (const state of ['waiting', 'active'] as const) {
      for (let offset = 0; offset < MOST_WITHOUT_ID; offset += PAGE) {
        const page = await this.list(state, { offset, limit: PAGE }, false);
        const at = page.findIndex(({ message }) => idOrDigest(message) === digest);
        const found = page[at];
        if (found !== undefined)
          return found.message.isDataUnread ? this.#whole(state, offset + at, found) : found;
        if (page.length < PAGE) break;
      }
    }
    return undefined;
  }

  /** The message with its data, unless it has moved meanwhile. */
  async #whole(state: State, offset: number, found: MessageInState): Promise<MessageInState> {
    const [now] = await this.list(state, { offset, limit: 1 }, false, true);
    return now?.message.element.equals(found.message.element) === true ? now : found;
  }
}

/** How many messages consumers may take of higher priorities than the usual one, of that, and of lower ones. */
export function byPriority({ byPriority: counts }: QueueLengths): {
  readonly higher: number;
  readonly usual: number;
  readonly lower: number;
} {
  const sum = (isMeant: (priority: number) => boolean): number =>
    Object.entries(counts).reduce((all, [of, count]) => all + (isMeant(Number(of)) ? count : 0), 0);
  return {
    higher: sum((priority) => priority > USUAL_PRIORITY),
    usual: sum((priority) => priority === USUAL_PRIORITY),
    lower: sum((priority) => priority < USUAL_PRIORITY),
  };
}

/** One of several lists that stand behind each other. */
interface PartOfPage {
  readonly length: number;
  readonly read: (page: ListPage) => Promise<readonly QueuedMessage[]>;
}

/** A page of lists that stand behind each other. */
async function pageOf(
  { offset, limit, withLarge }: ListPage,
  parts: readonly PartOfPage[],
): Promise<readonly QueuedMessage[]> {
  const reads: Promise<readonly QueuedMessage[]>[] = [];
  let passed = 0;
  let left = limit;
  for (const { length, read } of parts) {
    const from = Math.max(0, offset - passed);
    const most = Math.min(length - from, left);
    passed += length;
    if (most <= 0) continue;
    reads.push(read({ offset: from, limit: most, withLarge }));
    left -= most;
  }
  return (await Promise.all(reads)).flat();
}
