import { beforeEach, expect, test } from '@jest/globals';
import { encodeElement } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { SlowDowns } from './slow-downs.js';
import type { Beginning } from './slow-downs.js';

let violations: string[];
let slowDowns: SlowDowns;

beforeEach(() => {
  violations = [];
  slowDowns = new SlowDowns({
    violate: (rule, what) => violations.push(`${rule}: ${what}`),
    hasAskedToSlow: (id, what) => id === 'slow' && what === 'queue',
    newsMs: 100,
    dataKeyOf: () => undefined,
  });
});

/** Until 5,000. */
function slow(): void {
  const queue = new StoredQueue(
    () => undefined,
    () => 0,
  );
  queue.delayed.add(5_000, Buffer.from(encodeElement({ id: 'slow', sentAtMs: 0 }, '{}')));
  slowDowns.look(queue, 0, 0);
}

function begin(process: string, atMs: number, more: Partial<Beginning> = {}): void {
  const at = { nowMs: atMs, redisNowMs: atMs, isTroubled: false, isAhead: false };
  slowDowns.began({ id: 'a', process, ...at, ...more });
}

test('something begins after the time that news take', () => {
  slow();
  begin('p', 100);
  begin('p', 101, { isTroubled: true });
  begin('p', 101, { isAhead: true });
  expect(violations).toEqual([]);
  begin('p', 101);
  begin('p', 5_000);
  expect(violations).toEqual(['slowed down: a began long after that']);
});

test('something begins in a process that has heard of it, whatever has happened to that', () => {
  slow();
  slowDowns.heard('p');
  begin('other', 50);
  begin('p', 5_000);
  expect(violations).toEqual([]);
  begin('p', 50, { isTroubled: true, isAhead: true });
  expect(violations).toEqual(['slowed down: a began in p, which had heard of that']);
});

test('something begins in the process whose handler has asked for it', () => {
  slowDowns.asked('p', 5_000);
  slowDowns.asked('p', 4_000);
  begin('p', 4_999, { isTroubled: true });
  begin('other', 4_999);
  expect(violations).toEqual([]);
  begin('p', 4_999);
  expect(violations).toEqual(['slowed down: a began in p, whose handler had asked for that']);
});

test('nothing is compared after a step of the clock', () => {
  slow();
  slowDowns.heard('p');
  slowDowns.asked('p', 5_000);
  slowDowns.clockWasSet();
  begin('p', 1_000);
  expect(violations).toEqual([]);
});
