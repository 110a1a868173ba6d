import type {
  AdminBroker,
  DeadElement,
  DeadLetterPart,
  FoundElement,
  PurgedPart,
  QueueConsumer,
  QueueLengths,
  QueueLook,
} from './admin-broker.js';
import { redrivenElement } from '../message/dead-letter.js';
import { decodeElement } from '../message/envelope.js';
import { dateOf } from './message-reader.js';
import type { MessageReader } from './message-reader.js';
import { text, wholeNumber } from '../options/options.js';
import type {
  DeadLetterEntry,
  DelayedMessage,
  FoundMessage,
  HeldMessage,
  QueuedMessage,
} from './queued-message.js';

export interface Page {
  /** At most this many, from 1. Default 100. */
  readonly limit?: number | undefined;
}

export interface OffsetPage extends Page {
  /** How many come before it. Default 0. */
  readonly offset?: number | undefined;
}

/** Which dead letters are meant. `ageMs`: how long ago it was dead-lettered, by Redis's clock. */
export type DeadLetterFilter = (letter: DeadLetterEntry, ageMs: number) => boolean;

/** A queue among all others. */
export interface QueueOverview extends Omit<QueueLook, 'head' | 'nowMs'> {
  /**
   * The age, in ms, of the next message. Undefined if there is none, if its sender did not say when it was sent, or if it is
   * so large that reading it would keep Redis busy.
   */
  readonly oldestAgeMs: number | undefined;
}

/**
 * What became of the wish to remove a message: it is gone for good; or a consumer holds it, and it was left alone; or no
 * message of that id waits, is delayed or held.
 */
export type Removal = 'removed' | 'held' | 'unknown';

/** A message that is being handed out is looked for again so many times. */
const MOST_TRIES = 5;

const PAGE = 100;

const limitRule = wholeNumber('messages', 1);
const offsetRule = wholeNumber('messages', 0);
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

  lengths(queue: string): Promise<QueueLengths> {
    return this.broker.lengths(queue);
  }

  async overview(named?: readonly string[]): Promise<readonly QueueOverview[]> {
    const queues = named ?? (await this.broker.queues());
    const overview: QueueOverview[] = [];
    for (let i = 0; i < queues.length; i += PAGE)
      overview.push(...(await this.broker.look(queues.slice(i, i + PAGE))).map(overviewOf));
    return overview;
  }

  consumers(queue: string): Promise<readonly QueueConsumer[]> {
    return this.broker.consumers(queue);
  }

  async peek(queue: string, page: OffsetPage = {}): Promise<readonly QueuedMessage[]> {
    const { offset, limit } = pageOf(page);
    return this.reader.messages(queue, await this.broker.waiting(queue, offset, limit));
  }

  async suspects(queue: string, page: OffsetPage = {}): Promise<readonly QueuedMessage[]> {
    const { offset, limit } = pageOf(page);
    return this.reader.messages(queue, await this.broker.suspects(queue, offset, limit));
  }

  async held(queue: string, page: OffsetPage = {}): Promise<readonly HeldMessage[]> {
    const { offset, limit } = pageOf(page);
    const held = await this.broker.held(queue, offset, limit);
    return this.#read(queue, held, (message, { consumer }) => ({ ...message, consumer }));
  }

  async delayed(queue: string, page: OffsetPage = {}): Promise<readonly DelayedMessage[]> {
    const { offset, limit } = pageOf(page);
    const delayed = await this.broker.delayed(queue, offset, limit);
    return this.#read(queue, delayed, (message, { dueMs }) => ({
      ...message,
      dueAt: dateOf(dueMs),
    }));
  }

  async find(queue: string, id: string): Promise<FoundMessage | undefined> {
    const found = await this.broker.find(queue, idRule(id, 'id'));
    if (found === undefined) return undefined;
    const [message] = await this.#read(queue, [found], foundMessage);
    return message;
  }

  async advanceDelayed(
    queue: string,
    filter: (message: DelayedMessage) => boolean = () => true,
  ): Promise<number> {
    // Read first and advanced then: advancing changes the order that the pages go by.
    const chosen: Buffer[] = [];
    let lastDueMs = 0;
    for (let offset = 0; ; offset += PAGE) {
      const page = await this.delayed(queue, { offset, limit: PAGE });
      for (const message of page) {
        if (!filter(message)) continue;
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

  async deadLetters(
    queue: string,
    { offset, limit = PAGE, ...part }: Page & Omit<DeadLetterPart, 'count'>,
  ): Promise<{ readonly letters: readonly DeadLetterEntry[]; readonly next: string | undefined }> {
    offsetRule(offset, 'offset');
    limitRule(limit, 'limit');
    const elements = await this.broker.deadLetters(queue, { ...part, offset, count: limit + 1 });
    return {
      letters: await this.reader.letters(queue, elements.slice(0, limit)),
      next: elements[limit]?.entry,
    };
  }

  async deadLetter(queue: string, entry: string): Promise<DeadLetterEntry | undefined> {
    const element = await this.broker.deadLetter(queue, entry);
    if (element === undefined) return undefined;
    const [letter] = await this.reader.letters(queue, [element]);
    return letter;
  }

  async redrive(queue: string, entry: string): Promise<boolean> {
    const element = await this.broker.deadLetter(queue, entry);
    return element !== undefined && (await this.#redrive(queue, [element])) === 1;
  }

  async redriveAll(queue: string, filter: DeadLetterFilter = () => true): Promise<number> {
    let count = 0;
    for await (const page of this.#pagesOf(queue, filter))
      count += await this.#redrive(queue, page);
    return count;
  }

  async deleteDeadLetter(queue: string, entry: string): Promise<boolean> {
    return (await this.broker.deleteDeadLetters(queue, [entry])) === 1;
  }

  async deleteDeadLetters(queue: string, filter: DeadLetterFilter = () => true): Promise<number> {
    let count = 0;
    for await (const page of this.#pagesOf(queue, filter)) {
      count += await this.broker.deleteDeadLetters(
        queue,
        page.map(({ entry }) => entry),
      );
    }
    return count;
  }

  pause(queue: string): Promise<void> {
    return this.broker.setPaused(queue, true);
  }

  resume(queue: string): Promise<void> {
    return this.broker.setPaused(queue, false);
  }

  purge(queue: string, what: PurgedPart | 'all'): Promise<number> {
    return this.broker.purge(queue, what);
  }

  redisInfo(): Promise<string> {
    return this.broker.redisInfo();
  }

  close(): Promise<void> {
    return this.broker.close();
  }

  /** Reads elements, and adds to each what was found with it. */
  async #read<Found extends { readonly element: Buffer }, Message>(
    queue: string,
    found: readonly Found[],
    withFacts: (message: QueuedMessage, found: Found) => Message,
  ): Promise<readonly Message[]> {
    const elements = found.map(({ element }) => element);
    const messages = await this.reader.messages(queue, elements);
    return found.flatMap((each, index) =>
      messages.slice(index, index + 1).map((message) => withFacts(message, each)),
    );
  }

  /** The dead letters that are there now; one that dies again meanwhile is not met a second time. */
  async *#pagesOf(queue: string, filter: DeadLetterFilter): AsyncGenerator<readonly DeadElement[]> {
    const [{ dead, nowMs } = { dead: 0, nowMs: 0 }] = await this.broker.look([queue]);
    let from: string | undefined;
    for (let seen = 0; seen < dead;) {
      const part = { from, offset: 0, count: PAGE + 1, isNewestFirst: false };
      const page: readonly DeadElement[] = await this.broker.deadLetters(queue, part);
      const elements = page.slice(0, Math.min(PAGE, dead - seen));
      const letters = await this.reader.letters(queue, elements);
      yield elements.filter((_element, index) =>
        letters
          .slice(index, index + 1)
          .some((letter) => filter(letter, Math.max(0, nowMs - letter.deadAt.getTime()))),
      );
      seen += elements.length;
      from = page[PAGE]?.entry;
      if (from === undefined) return;
    }
  }

  #redrive(queue: string, elements: readonly DeadElement[]): Promise<number> {
    const again = elements.map(({ entry, element }) => ({
      entry,
      element: redrivenElement(element),
    }));
    return again.length === 0 ? Promise.resolve(0) : this.broker.redrive(queue, again);
  }
}

/** @throws InvalidOptionError */
function pageOf({ offset = 0, limit = PAGE }: OffsetPage): {
  readonly offset: number;
  readonly limit: number;
} {
  return { offset: offsetRule(offset, 'offset'), limit: limitRule(limit, 'limit') };
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

function overviewOf({ head, nowMs, ...look }: QueueLook): QueueOverview {
  return { ...look, oldestAgeMs: ageOf(head, nowMs) };
}

function ageOf(head: Buffer, nowMs: number): number | undefined {
  if (head.length === 0) return undefined;
  try {
    const { sentAtMs } = decodeElement(head);
    return sentAtMs === undefined ? undefined : Math.max(0, nowMs - sentAtMs);
  } catch {
    return undefined; // it cannot be read, and will be a dead letter
  }
}
