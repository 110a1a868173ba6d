import type {
  AdminBroker,
  DeadElement,
  DeadLetterPart,
  DelayedElement,
  Forgetting,
  FoundElement,
  HeldElement,
  Lane,
  LaneCheck,
  PurgedPart,
  QueueConsumer,
  QueueLengths,
  QueueLook,
} from '../../core/admin/admin-broker.js';
import type { EventAdminBroker } from '../../core/admin/event-admin-broker.js';
import { CLOSE_WITHIN_MS } from '../../core/broker/broker.js';
import type { Contact } from '../link/contact.js';
import { endRest, rest } from '../queue/lanes.js';
import type { Store } from '../store/store.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { checkLanes, repairLanes } from './audit-lanes.js';
import { advance, purge, removeElement } from './changes.js';
import { consumersOf, heldIn } from './consumers.js';
import {
  deleteDeadLetters,
  findDeadLetter,
  listDeadLetters,
  redriveDeadLetters,
} from './dead-letters.js';
import { findElement } from './find-element.js';
import { forget } from './forget.js';
import { MEMORY_INFO } from './info.js';
import { lanesOf, lengthsOf, lookAt } from './lengths.js';
import { MemoryEventAdmin } from './memory-event-admin.js';
import { waitingOf } from './waiting.js';

/** Looks into the queues of a store, and changes them. Each verb is one command; what it returns are copies. */
export class MemoryAdmin implements AdminBroker {
  readonly events: EventAdminBroker;

  constructor(
    private readonly store: Store,
    private readonly prefix: string,
    private readonly contact: Contact,
  ) {
    this.events = new MemoryEventAdmin(store, prefix, contact);
  }

  queues(): Promise<readonly string[]> {
    const { listed } = this.store.space(this.prefix);
    return this.contact.call('list the queues', () => [...listed.keys()].sort());
  }

  lengths(name: string): Promise<QueueLengths> {
    return this.#call('read lengths', name, lengthsOf);
  }

  look(name: string): Promise<QueueLook> {
    return this.#call('look at a queue', name, (queue, nowMs) => lookAt(name, queue, nowMs));
  }

  consumers(name: string): Promise<readonly QueueConsumer[]> {
    return this.#call('list consumers', name, consumersOf);
  }

  waiting(name: string, offset: number, count: number): Promise<readonly Buffer[]> {
    return this.#call('peek', name, (queue) =>
      waitingOf(queue)
        .slice(offset, offset + count)
        .map(copyOf),
    );
  }

  inLane(name: string, key: string, offset: number, count: number): Promise<readonly Buffer[]> {
    return this.#call('peek', name, ({ lanes }) =>
      lanes
        .of(key)
        .slice(offset, offset + count)
        .map(copyOf),
    );
  }

  lanes(name: string, count: number): Promise<readonly Lane[]> {
    return this.#call('list the lanes', name, (queue) => lanesOf(queue, count));
  }

  checkLanes(name: string): Promise<LaneCheck | undefined> {
    return this.#call('check the lanes', name, checkLanes);
  }

  repairLanes(name: string): Promise<LaneCheck | undefined> {
    return this.#call('repair the lanes', name, repairLanes);
  }

  suspects(name: string, offset: number, count: number): Promise<readonly Buffer[]> {
    return this.#call('list suspects', name, ({ suspects }) =>
      suspects.slice(offset, offset + count).map(copyOf),
    );
  }

  held(name: string, offset: number, count: number): Promise<readonly HeldElement[]> {
    return this.#call('list held messages', name, (queue) =>
      heldIn(queue)
        .slice(offset, offset + count)
        .map(withCopy),
    );
  }

  delayed(name: string, offset: number, count: number): Promise<readonly DelayedElement[]> {
    return this.#call('list delayed messages', name, ({ delayed }) =>
      delayed.slice(offset, offset + count).map(withCopy),
    );
  }

  advance(name: string, elements: readonly Buffer[], lastDueMs: number): Promise<number> {
    return this.#call('advance delayed messages', name, (queue, nowMs) =>
      advance(queue, nowMs, elements, lastDueMs),
    );
  }

  deadLetters(name: string, part: DeadLetterPart): Promise<readonly DeadElement[]> {
    return this.#call('list dead letters', name, (queue) => listDeadLetters(queue, part));
  }

  deadLetter(name: string, entry: string): Promise<DeadElement | undefined> {
    return this.#call('list dead letters', name, (queue) => findDeadLetter(queue, entry));
  }

  redrive(name: string, letters: readonly DeadElement[]): Promise<number> {
    return this.#call('redrive dead letters', name, (queue) => redriveDeadLetters(queue, letters));
  }

  deleteDeadLetters(name: string, entries: readonly string[]): Promise<number> {
    return this.#call('delete dead letters', name, (queue) => deleteDeadLetters(queue, entries));
  }

  parkedBodies(name: string, names: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
    return this.#call('read parked bodies', name, ({ parked }) => {
      const found = names.map((each): [string, Buffer | undefined] => [each, parked.get(each)]);
      return new Map(found.flatMap(([each, body]) => (body ? [[each, copyOf(body)]] : [])));
    });
  }

  setPaused(name: string, isPaused: boolean): Promise<void> {
    return this.#call('pause or resume a queue', name, (queue) => {
      queue.isPaused = isPaused;
      queue.wake(isPaused ? 'paused' : 'look');
    });
  }

  setKeyPaused(name: string, key: string, isPaused: boolean): Promise<void> {
    return this.#call('pause or resume a key', name, (queue) => {
      if (isPaused) rest(queue, key, Infinity);
      else endRest(queue, key);
    });
  }

  find(name: string, id: string): Promise<FoundElement | undefined> {
    return this.#call('look for a message', name, (queue) => {
      const found = findElement(queue, id);
      return found === undefined ? undefined : withCopy(found);
    });
  }

  remove(name: string, element: Buffer): Promise<boolean> {
    return this.#call('remove a message', name, (queue) => removeElement(queue, element));
  }

  purge(name: string, what: PurgedPart | 'all'): Promise<number> {
    return this.#call('purge a queue', name, (queue) => purge(queue, what));
  }

  forget(name: string): Promise<Forgetting> {
    const space = this.store.space(this.prefix);
    return this.#call('forget a queue', name, (queue, nowMs) => forget(space, name, queue, nowMs));
  }

  redisInfo(): Promise<string> {
    return this.contact.call('ask about the store', () => MEMORY_INFO);
  }

  async close(): Promise<void> {
    await this.contact.drained(CLOSE_WITHIN_MS);
    this.contact.close();
  }

  async #call<T>(
    action: string,
    name: string,
    command: (queue: StoredQueue, nowMs: number) => T,
  ): Promise<T> {
    const queue = this.store.space(this.prefix).queue(name);
    return this.contact.call(action, () => command(queue, this.store.clock.nowMs()));
  }
}

/** A copy, since the caller may change it. */
function copyOf(element: Buffer): Buffer {
  return Buffer.from(element);
}

function withCopy<Found extends { readonly element: Buffer }>(found: Found): Found {
  return { ...found, element: copyOf(found.element) };
}
