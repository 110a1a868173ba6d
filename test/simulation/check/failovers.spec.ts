import { expect, test } from '@jest/globals';
import { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';
import { makeScenario } from '../scenario/make-scenario.js';
import { Failovers, knownMessages } from './failovers.js';
import { Ledger } from './ledger.js';
import type { MessageRecord, Start } from './ledger.js';

const [PLAN] = makeScenario('a').messages;

function elementOf(id: string): Buffer {
  return Buffer.from(`{"rq":1,"id":"${id}"}\n{}`);
}

function startBy(consumer: string, settledAs?: string): Start {
  const counts = { attempt: 1, crashes: 0, key: undefined, isUndone: false };
  const about = { process: 'p', consumer, order: 1, atMs: 1, ...counts };
  return { ...about, endedAtMs: 1, settledAs, end: 'ok', gone: undefined };
}

function failing(...ids: string[]) {
  const queue = new StoredQueue(
    () => undefined,
    () => 0,
  );
  const ledger = new Ledger(
    ids.map((id) => ({ ...PLAN!, id, queue: 'a' })),
    false,
  );
  const none = { hasFenced: false, fencedAtMs: () => undefined, firstFencedAtMs: () => undefined };
  const run = { scenario: makeScenario('a'), queues: [queue], ledger, time: { now: 10 }, ...none };
  const record = (id: string): MessageRecord => ledger.of(id)!;
  return { queue, run, record, failovers: new Failovers(run) };
}

test('what was confirmed after the last command of the replica is lost, and what had ended by then is not', () => {
  const { run, record, failovers } = failing('ended', 'later');
  record('ended').sent = 'added';
  const known = knownMessages(run);
  record('later').sent = 'added';

  failovers.tookOver(known);

  expect([record('ended').sent, record('later').sent]).toEqual(['added', 'lost']);
});

test('a start may be repeated if its settling was undone, or its taking, and not otherwise', () => {
  const { queue, run, record, failovers } = failing('settled', 'back', 'held', 'other');
  record('settled').starts.push(startBy('c', 'ack'));
  record('back').starts.push(startBy('c', 'ack'));
  record('held').starts.push(startBy('c'));
  record('other').starts.push(startBy('c'));
  for (const id of ['back', 'other']) queue.waiting.push(elementOf(id));
  queue.hold('c', elementOf('held'));

  failovers.tookOver(knownMessages(run));

  const isGone = (id: string): boolean => record(id).starts[0]?.gone !== undefined;
  expect(['settled', 'back', 'held', 'other'].map(isGone)).toEqual([false, true, false, true]);
  const taking = { consumer: 'c', attempt: 1, crashes: 0 };
  expect(failovers.hasUndone('other', taking, 10)).toBe(true);
  expect(failovers.hasUndone('other', taking, 11)).toBe(false);
  expect(failovers.hasUndone('held', taking, 10)).toBe(false);
});

test('a consumer must not keep what it held then and does not know', () => {
  const { queue, run, failovers } = failing('stray');
  queue.hold('c', elementOf('stray'));
  failovers.tookOver(knownMessages(run));

  failovers.checkList(queue, 'c', 9, []);
  failovers.checkList(queue, 'c', 11, [elementOf('stray')]);
  expect(run.ledger.violations).toEqual([]);
  failovers.checkList(queue, 'c', 11, []);
  expect(run.ledger.violations[0]).toMatch(/^own list: c holds stray/);
});
