import type { ReadKey, UnkeyedPart } from '../../core/broker/lease.js';
import { giveKey } from '../../core/message/given-key.js';
import type { Names } from '../process/names.js';
import { NO_READING, afterCrash } from '../store/key-reading.js';
import { processOf } from '../store/stored-queue.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { enterNow } from './lanes.js';

/** Most bytes that one call reads. */
const MOST_BYTES = 524_288;
/** Most messages that one call lets go on without a key. */
const MOST_PASSED = 500;

/**
 * Keys are read from data: by this consumer, or, without a name, by one that is about to join. What waits already waits for
 * its key too, if nobody read keys before and no keys are in use.
 */
export function beginReading(queue: StoredQueue, consumer?: string): void {
  const { lanes, levels, unkeyed, waiting } = queue;
  const hasKeys = lanes.out.size > 0 || levels.waiting > 0;
  if (!queue.isKeyed && unkeyed.length === 0 && !hasKeys)
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) unkeyed.push(next);
  queue.isKeyed = true;
  if (consumer !== undefined) queue.readsKeys.add(consumer);
}

/** Lets messages go on whose keys were read, and reads the next ones (redis/unkeyed/read-unkeyed.script.ts). */
export function readUnkeyed(
  queue: StoredQueue,
  consumer: string,
  read: readonly ReadKey[],
  most: number,
  names: Names,
): UnkeyedPart | 'others' | 'leaseLost' {
  if (!queue.consumers.has(consumer)) return 'leaseLost';
  const wasReader = queue.keyReader === consumer;
  if (!wasReader && !takeOver(queue, consumer)) return 'others';
  if (wasReader) {
    const entered = letGo(queue, read, names);
    const { keyReading } = queue;
    queue.keyReading = { ...keyReading, doubted: Math.max(0, keyReading.doubted - entered) };
  }
  if (most === 0) {
    queue.keyReading = { ...queue.keyReading, many: 0 };
    queue.keyReader = undefined;
    if (queue.unkeyed.length > 0) queue.wake('keys');
    return { crashes: 0, elements: [] };
  }
  const doubted = Math.min(queue.keyReading.doubted, queue.unkeyed.length);
  queue.keyReading = { ...queue.keyReading, doubted };
  if (doubted > 0 && mayRunSuspects(queue, consumer)) {
    queue.keyReading = { ...queue.keyReading, many: 0 };
    queue.keyReader = undefined;
    if (wasReader) queue.wake('keys');
    return { crashes: 0, elements: [] };
  }
  return readNext(queue, most);
}

/** So that each crash has one cause, its process does not read messages then that were read when another one died. */
function mayRunSuspects({ trial, consumers, suspects }: StoredQueue, consumer: string): boolean {
  if (trial === undefined || !consumers.has(trial)) return suspects.length > 0;
  return processOf(trial) === processOf(consumer);
}

/** False if the one that reads is alive; then it is reminded. */
function takeOver(queue: StoredQueue, consumer: string): boolean {
  const { keyReader } = queue;
  if (keyReader !== undefined) {
    const hasLease = queue.consumers.has(keyReader);
    if (hasLease && queue.wakeProcess(processOf(keyReader), 'keys') > 0) return false;
    queue.keyReading = afterCrash(queue.keyReading);
  }
  queue.keyReader = consumer;
  return true;
}

/** Those that still are where they were read. Returns how many. */
function letGo(queue: StoredQueue, read: readonly ReadKey[], names: Names): number {
  let entered = 0;
  for (const { element, key } of read) {
    if (queue.unkeyed.at(0)?.equals(element) !== true) break;
    queue.unkeyed.shift();
    enterNow(queue, key === undefined ? element : withKey(element, key, names));
    entered += 1;
  }
  return entered;
}

function withKey(element: Buffer, key: string, names: Names): Buffer {
  const given = giveKey(element, key, () => names.newId());
  if (given === undefined) return element;
  return Buffer.concat([Buffer.from(given.front), element.subarray(given.from)]);
}

function readNext(queue: StoredQueue, most: number): UnkeyedPart {
  const { unkeyed, keyReading } = queue;
  const { doubted } = keyReading;
  const elements: Buffer[] = [];
  let bytes = 0;
  while (elements.length < (doubted > 0 ? 1 : most) && bytes < MOST_BYTES) {
    const element = unkeyed.at(elements.length);
    if (element === undefined) break;
    elements.push(Buffer.from(element));
    bytes += element.length;
  }
  const [first] = elements;
  if (first === undefined) {
    queue.keyReading = NO_READING;
    return { crashes: 0, elements };
  }
  const isSame = keyReading.first?.equals(first) === true;
  const crashes = doubted === 0 ? 0 : isSame ? keyReading.crashes : 1;
  queue.keyReading = { many: elements.length, doubted, crashes, first };
  return { crashes, elements };
}

/** Lets messages go on without keys, unless a consumer with a lease reads them (redis/unkeyed/pass-unkeyed.script.ts). */
export function passUnkeyed(queue: StoredQueue, consumer: string): 'done' | 'more' | 'leaseLost' {
  const { consumers, readsKeys, unkeyed } = queue;
  if (!consumers.has(consumer)) return 'leaseLost';
  if (!queue.isKeyed && unkeyed.length === 0) return 'done';
  for (const reader of readsKeys) {
    if (consumers.has(reader)) return 'done';
    readsKeys.delete(reader);
  }
  for (let passed = 0; passed < MOST_PASSED; passed += 1) {
    const element = unkeyed.shift();
    if (element === undefined) break;
    enterNow(queue, element);
  }
  if (unkeyed.length > 0) return 'more';
  queue.isKeyed = false;
  queue.keyReader = undefined;
  queue.keyReading = NO_READING;
  return 'done';
}
