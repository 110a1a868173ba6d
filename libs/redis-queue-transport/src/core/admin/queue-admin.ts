import { MOST_COUNTED } from './admin-broker.js';
import type {
  AdminBroker,
  Forgetting,
  FoundElement,
  Lane,
  LaneCheck,
  LaneTotal,
  PurgedPart,
  QueueConsumer,
  QueueLengths,
  QueueLook,
} from './admin-broker.js';
import { QueueTooLongError, RedisRefusedError } from '../errors/call-errors.js';
import { InvalidPatternError } from '../errors/start-errors.js';
import type { RedisQueueError } from '../errors/redis-queue-error.js';
import { refusalOf } from '../errors/refusal-of.js';
import { sentAtOf } from '../message/envelope.js';
import { isKey, readKey, writtenKey } from '../message/key.js';
import { assertNamesQueue, namesQueue, subscriptionOf } from '../message/queue-name.js';
import { dateOf } from './message-reader.js';
import type { MessageReader } from './message-reader.js';
import { nested, text } from '../options/options.js';
import { PAGE, pageOf, withLargeOf } from './pages.js';
import type { OffsetPage, Page, Reading } from './pages.js';
import type { DelayedMessage, FoundMessage, HeldMessage, QueuedMessage } from './queued-message.js';

/** One queue of an overview. */
export interface QueueOverview extends Omit<QueueLook, 'oldestSentAtMs' | 'nowMs'> {
  /**
   * The age, in ms, of the oldest message that is first in its list: the list that consumers take from, that of each
   * priority, and the lane of each key. Undefined if none waits, or if no sender said when they were sent. One that is so
   * large that reading it would keep Redis busy is left out. With 200 keys in use or more, or large messages in lanes, it is
   * the oldest of a part of the lanes, so there may be an older one. The same part is what `lanes` and `longestLane` count.
   */
  readonly oldestAgeMs: number | undefined;
}

/** A queue that cannot be looked at, while others can. */
export interface UnreadableQueue {
  readonly queue: string;
  /**
   * Why: another program uses one of its keys (`RedisRefusedError` with `reply: 'WRONGTYPE'`), the user may not look at
   * it (`NOPERM`), or another program listed a name among the queues that cannot be one (`InvalidPatternError`).
   */
  readonly error: RedisQueueError;
}

/** A key of which messages wait in its lane, or that is paused. */
export interface QueueLane {
  readonly key: string;
  /** How many messages of the key are out: consumers may take or hold them, or they are delayed for a retry. */
  readonly out: number;
  /** How many wait behind those. */
  readonly waiting: number;
  /** The key was paused: nothing more of it goes on until it is resumed. */
  readonly isPaused: boolean;
  /** Nothing more of the key goes on before that, because of `perKey.rate` or `SlowDown`. Undefined if it may, or is paused. */
  readonly restsUntil: Date | undefined;
  /** When the first of those that wait was sent; undefined if it does not say, or is too large to be looked at. */
  readonly oldestSentAt: Date | undefined;
}

/** Keys of which the counts are wrong, because somebody changed the queue by hand. */
export interface LanesCheck {
  readonly wrong: readonly WrongLane[];
  /** How many messages are in lanes, as it is counted and as it is. */
  readonly inLanes: LaneTotal;
}

/** A key of which another number is counted than is out, or of which messages wait although it is free. */
export interface WrongLane {
  readonly key: string;
  /** How many messages of the key are counted as out. */
  readonly counted: number;
  /** How many are out. */
  readonly out: number;
  /** How many wait behind those. */
  readonly waiting: number;
}

/** What to pause or resume. */
export interface PausedPart {
  /** Only this key. Default: the whole queue. */
  readonly key?: string | undefined;
}

/** Which waiting messages to list. */
export interface PeekPage extends OffsetPage {
  /** Those that wait behind another message of this key. Default: those that consumers may take now. */
  readonly key?: string | undefined;
}

/** Queues at a glance. */
export interface QueuesOverview {
  readonly queues: readonly QueueOverview[];
  /** Queues that could not be looked at; normally none. */
  readonly unreadable: readonly UnreadableQueue[];
}

/**
 * The result of removing a message: `removed` for good; `held` by a consumer, so it was left alone; or `unknown`: no
 * message with that id waits, is delayed or is held.
 */
export type Removal = 'removed' | 'held' | 'unknown';

/** How many times to look for a message that may be handed out meanwhile. */
const MOST_TRIES = 5;

const keyRule = text('the key of messages', isKey);
const pausedRule = nested<PausedPart>({ key: keyRule }, { key: undefined });
const idRule = text('the id of a message', (value) => value !== '');

/** Inspects and manages queues, while consumers run. */
export class QueueAdmin {
  constructor(
    private readonly broker: AdminBroker,
    private readonly reader: MessageReader,
  ) {}

  queues(): Promise<readonly string[]> {
    return this.broker.queues();
  }

  async lengths(queue: string): Promise<QueueLengths> {
    try {
      return await this.broker.lengths(queue);
    } catch (error) {
      throw refusalOf(queue, error);
    }
  }

  async overview(named?: readonly string[]): Promise<QueuesOverview> {
    named?.forEach(assertNamesQueue);
    const all = named ?? (await this.broker.queues());
    const queues: QueueOverview[] = [];
    const failed: UnreadableQueue[] = [];
    for (let i = 0; i < all.length; i += PAGE) {
      const page = all.slice(i, i + PAGE);
      for (const seen of await Promise.all(page.map((queue) => this.#look(queue))))
        if ('error' in seen) failed.push(seen);
        else queues.push(seen);
    }
    if (queues.length === 0) throwWhatIsNoQueues(failed);
    const unreadable = failed.map(({ queue, error }) => ({
      queue,
      error: refusalOf(queue, error) as RedisQueueError, // refusalOf returns an error of the same class.
    }));
    return { queues, unreadable };
  }

  consumers(queue: string): Promise<readonly QueueConsumer[]> {
    return this.broker.consumers(queue);
  }

  async peek(queue: string, page: PeekPage = {}): Promise<readonly QueuedMessage[]> {
    const { offset, limit, withLarge } = pageOf(page);
    const key = page.key === undefined ? undefined : writtenKey(keyRule(page.key, 'key'));
    const elements = await (key === undefined
      ? this.broker.waiting(queue, offset, limit)
      : this.broker.inLane(queue, key, offset, limit));
    return this.reader.messages(queue, elements, withLarge);
  }

  async lanes(queue: string, page: Page = {}): Promise<readonly QueueLane[]> {
    const { limit } = pageOf(page);
    try {
      return (await this.broker.lanes(queue, limit)).map(laneOf);
    } catch (error) {
      throw refusalOf(queue, error);
    }
  }

  /** @throws QueueTooLongError */
  checkLanes(queue: string): Promise<LanesCheck> {
    return checkOf(queue, () => this.broker.checkLanes(queue));
  }

  /** @throws QueueTooLongError */
  repairLanes(queue: string): Promise<LanesCheck> {
    return checkOf(queue, () => this.broker.repairLanes(queue));
  }

  async suspects(queue: string, page: OffsetPage = {}): Promise<readonly QueuedMessage[]> {
    const { offset, limit, withLarge } = pageOf(page);
    const elements = await this.broker.suspects(queue, offset, limit);
    return this.reader.messages(queue, elements, withLarge);
  }

  async held(queue: string, page: OffsetPage = {}): Promise<readonly HeldMessage[]> {
    const { offset, limit, withLarge } = pageOf(page);
    const held = await this.broker.held(queue, offset, limit);
    return this.#read(queue, held, withLarge, (message, { consumer }) => ({
      ...message,
      consumer,
    }));
  }

  async delayed(queue: string, page: OffsetPage = {}): Promise<readonly DelayedMessage[]> {
    const { offset, limit, withLarge } = pageOf(page);
    const delayed = await this.broker.delayed(queue, offset, limit);
    return this.#read(queue, delayed, withLarge, (message, { dueMs }) => ({
      ...message,
      dueAt: dateOf(dueMs),
    }));
  }

  async find(queue: string, id: string): Promise<FoundMessage | undefined> {
    const found = await this.broker.find(queue, idRule(id, 'id'));
    if (found === undefined) return undefined;
    const [message] = await this.#read(queue, [found], true, foundMessage);
    return message;
  }

  async advanceDelayed(
    queue: string,
    filter: ((message: DelayedMessage) => boolean) | undefined,
    reading: Reading,
  ): Promise<number> {
    const withLarge = filter !== undefined && withLargeOf(reading);
    // Read all pages first: advancing changes the order on which they depend.
    const chosen: Buffer[] = [];
    let lastDueMs = 0;
    for (let offset = 0; ; offset += PAGE) {
      const page = await this.delayed(queue, { offset, limit: PAGE, withLarge });
      for (const message of page) {
        if (filter?.(message) === false) continue;
        chosen.push(message.element);
        lastDueMs = message.dueAt.getTime();
      }
      if (page.length < PAGE) break;
    }
    let advanced = 0;
    for (let i = 0; i < chosen.length; i += PAGE) {
      advanced += await this.broker.advance(queue, chosen.slice(i, i + PAGE), lastDueMs);
    }
    return advanced;
  }

  async advance(queue: string, id: string): Promise<boolean> {
    const found = await this.broker.find(queue, idRule(id, 'id'));
    if (found?.place !== 'delayed') return false;
    return (await this.broker.advance(queue, [found.element], found.dueMs)) === 1;
  }

  async removeElement(queue: string, element: Buffer): Promise<Removal> {
    return (await this.broker.remove(queue, element)) ? 'removed' : 'unknown';
  }

  async remove(queue: string, id: string): Promise<Removal> {
    idRule(id, 'id');
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const found = await this.broker.find(queue, id);
      if (found === undefined) return 'unknown';
      if (found.place === 'held') return 'held';
      if (await this.broker.remove(queue, found.element)) return 'removed';
    }
    // Each time it was handed out before it could be removed.
    return 'held';
  }

  pause(queue: string, of?: PausedPart): Promise<void> {
    return this.#setPaused(queue, of, true);
  }

  resume(queue: string, of?: PausedPart): Promise<void> {
    return this.#setPaused(queue, of, false);
  }

  async #setPaused(queue: string, of: PausedPart = {}, isPaused: boolean): Promise<void> {
    const { key } = pausedRule(of, 'options');
    if (key === undefined) return this.broker.setPaused(queue, isPaused);
    const written = writtenKey(key);
    if (written !== undefined) await this.broker.setKeyPaused(queue, written, isPaused);
  }

  /** Pauses or resumes every queue, or every queue of one group. Returns their names. */
  async setAllPaused(isPaused: boolean, group: string | undefined): Promise<readonly string[]> {
    const index = await this.broker.events.index();
    const known = [...(await this.broker.queues()), ...index.queues];
    const queues = [...new Set(known)].filter(
      (queue) =>
        namesQueue(queue) && (group === undefined || subscriptionOf(queue)?.group === group),
    );
    for (let i = 0; i < queues.length; i += PAGE) {
      const page = queues.slice(i, i + PAGE);
      await Promise.all(page.map((queue) => this.broker.setPaused(queue, isPaused)));
    }
    return queues.sort();
  }

  purge(queue: string, what: PurgedPart | 'all'): Promise<number> {
    return this.broker.purge(queue, what);
  }

  forget(queue: string): Promise<Forgetting> {
    return this.broker.forget(queue);
  }

  redisInfo(): Promise<string> {
    return this.broker.redisInfo();
  }

  close(): Promise<void> {
    return this.broker.close();
  }

  /** An error that concerns only this queue must not hide the others. */
  async #look(queue: string): Promise<QueueOverview | UnreadableQueue> {
    try {
      return overviewOf(await this.broker.look(queue));
    } catch (error) {
      if (error instanceof RedisRefusedError || error instanceof InvalidPatternError)
        return { queue, error };
      throw error;
    }
  }

  /** Reads elements, and adds to each what was found with it. */
  async #read<Found extends { readonly element: Buffer }, Message>(
    queue: string,
    found: readonly Found[],
    withLarge: boolean,
    withFacts: (message: QueuedMessage, found: Found) => Message,
  ): Promise<readonly Message[]> {
    const elements = found.map(({ element }) => element);
    const messages = await this.reader.messages(queue, elements, withLarge);
    return found.flatMap((each, index) =>
      messages.slice(index, index + 1).map((message) => withFacts(message, each)),
    );
  }
}

function foundMessage(message: QueuedMessage, found: FoundElement): FoundMessage {
  switch (found.place) {
    case 'waiting':
      return { ...message, place: found.place };
    case 'delayed':
      return { ...message, place: found.place, dueAt: dateOf(found.dueMs) };
    case 'held':
      return { ...message, place: found.place, consumer: found.consumer };
  }
}

/**
 * When no queue could be looked at: throws the first refusal whose reason is not that other programs use the keys. Such
 * a refusal concerns all of Redis, and not single queues.
 */
function throwWhatIsNoQueues(failed: readonly UnreadableQueue[]): void {
  for (const { error } of failed)
    if (error instanceof RedisRefusedError && error.reply !== 'WRONGTYPE') throw error;
}

function laneOf({ key, out, waiting, restsUntilMs, head }: Lane): QueueLane {
  const sentAtMs = sentAtOf(head);
  const oldestSentAt = sentAtMs === undefined ? undefined : dateOf(sentAtMs);
  const isPaused = restsUntilMs === Infinity;
  const restsUntil = isPaused || restsUntilMs === undefined ? undefined : dateOf(restsUntilMs);
  return { key: readKey(key), out, waiting, isPaused, restsUntil, oldestSentAt };
}

function overviewOf({ oldestSentAtMs, nowMs, ...look }: QueueLook): QueueOverview {
  const oldestAgeMs =
    oldestSentAtMs === undefined ? undefined : Math.max(0, nowMs - oldestSentAtMs);
  return { ...look, oldestAgeMs };
}

async function checkOf(
  queue: string,
  check: () => Promise<LaneCheck | undefined>,
): Promise<LanesCheck> {
  const found = await check().catch((error: unknown) => {
    throw refusalOf(queue, error);
  });
  if (found === undefined) throw new QueueTooLongError(queue, MOST_COUNTED);
  return { ...found, wrong: found.wrong.map((one) => ({ ...one, key: readKey(one.key) })) };
}
