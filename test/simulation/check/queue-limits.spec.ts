import { beforeEach, expect, test } from '@jest/globals';
import type { QueueLimit } from '../../../libs/redis-queue-transport/src/core/broker/limit.js';
import { encodeElement } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { makeScenario } from '../scenario/make-scenario.js';
import { QueueLimits } from './queue-limits.js';

let queue: StoredQueue;
let violations: string[];

beforeEach(() => {
  queue = new StoredQueue(
    () => undefined,
    () => 0,
  );
  queue.consumers.set('one', 1_000).set('other', 1_000);
  violations = [];
});

function limits(limit: Partial<QueueLimit> | undefined, maxLength?: number): QueueLimits {
  const [plan] = makeScenario('a').queues;
  if (plan === undefined) throw new Error('There is no queue.');
  const none = { running: undefined, rate: undefined, perMs: 1_000 };
  const planned = { ...plan, limit: limit && { ...none, ...limit }, maxLength };
  return new QueueLimits(planned, {
    violate: (rule, what) => violations.push(`${rule}: ${what}`),
    hasAskedToSlow: (id, what) => id === 'slow' && what === 'queue',
    newsMs: 0,
    dataKeyOf: () => undefined,
  });
}

function message(id: string): Buffer {
  return Buffer.from(encodeElement({ id, sentAtMs: 0 }, '{}'));
}

test('more are held than may run, by all that were not taken back from', () => {
  const limit = limits({ running: 1 });
  queue.hold('one', message('a'));
  queue.hold('gone', message('b'));
  limit.look(queue, 0, 0);
  expect(violations).toEqual([]);
  queue.hold('other', message('c'));
  limit.look(queue, 0, 0);
  expect(violations).toEqual(['limit: 2 are held, and 1 may run']);
});

test('more were handed out in a time than may', () => {
  const limit = limits({ rate: 2 });
  for (const atMs of [0, 500, 1_000]) {
    queue.hold('one', message(`m${atMs}`));
    limit.look(queue, atMs, atMs);
  }
  expect(violations).toEqual([]);
  queue.hold('one', message('too early'));
  limit.look(queue, 1_400, 1_400);
  expect(violations).toEqual(['limit: 3 were handed out in 1000 ms, and 2 may']);
});

test('a time in which the clock was set is not looked at', () => {
  const limit = limits({ rate: 1 });
  queue.hold('one', message('a'));
  limit.look(queue, 0, 0);
  limit.clockWasSet();
  queue.hold('one', message('b'));
  limit.look(queue, 1, 1);
  expect(violations).toEqual([]);
});

test('something is handed out while its queue is slowed down', () => {
  const limit = limits({ running: 9 });
  queue.delayed.add(5_000, message('slow'));
  limit.look(queue, 0, 0);
  queue.hold('one', message('a'));
  limit.look(queue, 100, 100);
  expect(violations).toEqual(['slowed down: a was handed out meanwhile']);
});

test('a sender has added to a full queue, of which lanes and delayed messages are part', () => {
  const limit = limits(undefined, 2);
  queue.delayed.add(1, message('a'));
  queue.lanes.add('k', message('b'));
  limit.checkBound(1, queue);
  queue.waiting.push(message('c'));
  limit.checkBound(2, queue);
  expect(violations).toEqual([]);
  queue.terms.set('maxLength', '2');
  limit.checkBound(3, queue);
  limit.checkBound(2, queue);
  expect(violations).toEqual(['bound: 3 wait, and 2 may']);
});
