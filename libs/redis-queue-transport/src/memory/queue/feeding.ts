import type { ListSource } from '../../core/broker/broker.js';
import { WITHOUT_COUNTS, frontText } from '../../core/message/header.js';
import type { Names } from '../process/names.js';
import type { Store } from '../store/store.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { park } from './add-message.js';
import { LARGE_BYTES } from './large-elements.js';

/** How many elements one command moves. */
const MOST_ELEMENTS = 250;

/** Where elements come from and go to. */
export interface FeedPath {
  readonly store: Store;
  readonly source: ListSource;
  readonly queue: StoredQueue;
  readonly names: Names;
}

/** Takes one from another program's list. Until {@link moveMany} moves it on, it stands in `fed`. */
export function takeFed({ store, source, queue }: FeedPath): void {
  const element = takeFromSource(store, source);
  if (element !== undefined) queue.fed.push(element);
}

/**
 * Moves elements to the tail of the queue: first those that stand in `fed`, then those of the list. Each becomes the
 * body of a message, even if it looks like one. Returns whether there may be more.
 */
export function moveMany({ store, source, queue, names }: FeedPath): boolean {
  for (let moved = 0; moved < MOST_ELEMENTS; moved += 1) {
    const element = queue.fed.shift() ?? takeFromSource(store, source);
    if (element === undefined) return false;
    queue.waiting.push(messageOf(element, queue, store.clock.nowMs(), names));
  }
  return true;
}

function takeFromSource(store: Store, { key, take }: ListSource): Buffer | undefined {
  const list = store.list(key);
  return take === 'left' ? list.shift() : list.pop();
}

function messageOf(element: Buffer, queue: StoredQueue, nowMs: number, names: Names): Buffer {
  const id = JSON.stringify(names.newId());
  if (element.length <= LARGE_BYTES) {
    const header = `${frontText({ ...WITHOUT_COUNTS, parked: undefined })},"id":${id},"at":${nowMs}}\n`;
    return Buffer.concat([Buffer.from(header), element]);
  }
  const parked = names.newBodyName();
  park(queue, parked, element);
  return Buffer.from(`${frontText({ ...WITHOUT_COUNTS, parked })},"id":${id}}\n`);
}
