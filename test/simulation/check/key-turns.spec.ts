import { beforeEach, expect, test } from '@jest/globals';
import { perKeyTerms } from '../../../libs/redis-queue-transport/src/core/broker/per-key.js';
import {
  encodeElement,
  withNextAttempt,
} from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { makeScenario } from '../scenario/make-scenario.js';
import { KeyOrder } from './key-order.js';
import { KeyTurns } from './key-turns.js';
import type { WatchedRun } from './watched-run.js';

const PER_KEY = { running: 1, rate: 1, perMs: 1_000 };

let queue: StoredQueue;
let violations: string[];
let order: KeyOrder;
let turns: KeyTurns;

beforeEach(() => {
  queue = new StoredQueue(
    () => undefined,
    () => 0,
  );
  violations = [];
  const run: WatchedRun = {
    violate: (rule, what) => violations.push(`${rule}: ${what}`),
    hasAskedToSlow: (id, what) => id === 'slow' && what === 'key',
    newsMs: 0,
    dataKeyOf: () => undefined,
  };
  const [plan] = makeScenario('a').queues;
  if (plan === undefined) throw new Error('There is no queue.');
  order = new KeyOrder(run.dataKeyOf);
  turns = new KeyTurns({ ...plan, perKey: PER_KEY }, run);
});

function keyed(id: string, key = 'k'): Buffer {
  return Buffer.from(encodeElement({ id, key, sentAtMs: 0 }, '{}'));
}

function look(redisNowMs: number): void {
  turns.look(queue, order.look(queue), redisNowMs);
}

function turn(atMs: number, element: Buffer): void {
  queue.waiting.push(element);
  look(atMs);
}

test('more of a key got their turn than its rate allows, once a server has said it', () => {
  turn(0, keyed('a'));
  turn(0, keyed('b'));
  for (const [name, value] of Object.entries(perKeyTerms(PER_KEY))) queue.terms.set(name, value);
  turn(100, keyed('c'));
  turn(200, keyed('d', 'other'));
  turn(1_100, keyed('e'));
  expect(violations).toEqual([]);
  turn(2_000, keyed('f'));
  expect(violations).toEqual(['limit: of k, 2 were handed out in 1000 ms, and 1 may']);
});

test('a message of a key that is slowed down got its turn', () => {
  turn(0, keyed('slow'));
  queue.delayed.add(500, withNextAttempt(queue.waiting.shift() ?? keyed('slow'), 'new'));
  look(0);
  turn(100, keyed('a', 'other'));
  expect(violations).toEqual([]);
  turn(499, keyed('b'));
  expect(violations).toEqual(['slowed down: b of k got its turn meanwhile']);
  turn(500, keyed('c'));
  expect(violations).toHaveLength(1);
});

test('a message of a key that is paused got its turn, and what has it keeps it', () => {
  turn(0, keyed('a'));
  turns.setPaused('k', true);
  queue.delayed.add(500, withNextAttempt(queue.waiting.shift() ?? keyed('a'), 'new'));
  look(0);
  queue.lanes.add('k', keyed('b'));
  turn(1, keyed('c', 'other'));
  expect(violations).toEqual([]);
  turn(2, keyed('d'));
  expect(violations).toEqual(['paused key: d of k got its turn']);
  turns.setPaused('k', false);
  turn(3, keyed('e'));
  expect(violations).toHaveLength(1);
});

test('nothing is compared over a step of the clock', () => {
  for (const [name, value] of Object.entries(perKeyTerms(PER_KEY))) queue.terms.set(name, value);
  turn(0, keyed('a'));
  turns.clockWasSet();
  turn(1, keyed('b'));
  expect(violations).toEqual([]);
});
