import { beforeEach, expect, test } from '@jest/globals';
import {
  encodeElement,
  withNextAttempt,
} from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { endStay, enter } from '../../../libs/redis-queue-transport/src/memory/queue/lanes.js';
import { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { makeScenario } from '../scenario/make-scenario.js';
import { calmRun } from './checked-run.fake.js';
import { KeyOrder, checkKeys } from './key-order.js';
import { Ledger } from './ledger.js';

let queue: StoredQueue;
let order: KeyOrder;

beforeEach(() => {
  queue = new StoredQueue(
    () => undefined,
    () => 0,
  );
  order = new KeyOrder((id) => (id.startsWith('data') ? 'k' : undefined));
});

function keyed(id: string): Buffer {
  return Buffer.from(encodeElement({ id, key: 'k', sentAtMs: 0 }, '{}'));
}

function add(...ids: readonly string[]): void {
  for (const id of ids) enter(queue, keyed(id));
  order.look(queue);
}

function violations(): readonly string[] {
  const ledger = new Ledger([], false);
  const scenario = makeScenario('a');
  checkKeys(calmRun({ queues: [queue], ledger, scenario }));
  return ledger.violations;
}

test('a message comes behind those of its key that the queue got before it', () => {
  add('a', 'b');
  add('c');
  expect(order.before('k', 'c')).toEqual(['a', 'b']);
  expect(order.before('other', 'c')).toEqual([]);
});

test('one that pauses for a retry stays in front, and one that is settled does not', () => {
  add('a', 'b', 'c');
  const first = queue.waiting.shift() ?? keyed('a');
  queue.delayed.add(1, withNextAttempt(first, 'new'));
  order.look(queue);
  expect(order.before('k', 'b')).toEqual(['a']);
  queue.delayed.clear();
  endStay(queue, first);
  order.look(queue);
  expect(order.before('k', 'c')).toEqual(['b']);
});

test('one that comes again goes behind the others', () => {
  add('a', 'b');
  endStay(queue, queue.waiting.shift() ?? keyed('a'));
  order.look(queue);
  add('a');
  expect(order.before('k', 'a')).toEqual(['b']);
});

test('a message that waits for its key has its place by then', () => {
  for (const id of ['data1', 'data2']) {
    queue.unkeyed.push(Buffer.from(encodeElement({ id, sentAtMs: 0 }, '{}')));
    order.look(queue);
  }
  enter(queue, keyed('data2'));
  queue.unkeyed.pop();
  order.look(queue);
  expect(order.before('k', 'data2')).toEqual(['data1']);
});

test('a delayed message has no place until it is due', () => {
  queue.delayed.add(1, keyed('late'));
  add('a', 'b');
  expect(order.before('k', 'b')).toEqual(['a']);
  expect(violations()).toEqual([]);
});

test('a lane without anybody in front is right while its key rests', () => {
  queue.lanes.add('k', keyed('a'));
  queue.rests.add('k', { sinceMs: 0, untilMs: Infinity });
  expect(violations()).toEqual([]);
});

test('a count that is not what the lists say breaks a rule, and so does a lane without anybody in front', () => {
  add('a', 'b');
  expect(violations()).toEqual([]);
  queue.waiting.shift();
  expect(violations()).toEqual([
    'keys: 0 of k are out, and 1 are counted',
    'keys: nobody is in front of the lane of k',
  ]);
});
