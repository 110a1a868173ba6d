import { describe, expect, test } from '@jest/globals';
import type { JournalEntry, JournalEvent } from '../support/journal.js';
import type { QueueDump } from '../support/queue-dump.js';
import { EMPTY_DUMP, EMPTY_RECORD } from './empty-record.js';
import { historyOf } from './history.js';
import type { Life } from './replica.js';
import type { RunRecord } from './run-record.js';
import { WRONG_ANSWER } from './settings.js';
import { judge } from './verdict.js';

const PRODUCER = 1;
/** Two consumers. */
const P = 10;
const Q = 20;

function entry(event: JournalEvent, atMs: number, facts: Partial<JournalEntry> = {}): JournalEntry {
  return { event, id: 'a', attempt: 0, pid: PRODUCER, atMs, ...facts };
}

const by = (pid: number, attempt = 1): Partial<JournalEntry> => ({ pid, attempt });

function letter(id: string, reason: string, attempt = 1): Buffer {
  return Buffer.from(
    `{"rq":1,"dead":{"reason":"${reason}","attempt":${attempt},"whole":true}}\n{"rq":1,"id":"${id}"}\n{}`,
  );
}

function parkedLetter(number: string, reason = 'rejected'): Buffer {
  return Buffer.from(
    `{"rq":1,"parked":"${number}","dead":{"reason":"${reason}","whole":true}}\n{"rq":1,"parked":"${number}","id":"a"}\n`,
  );
}

/** A process that ended. */
function ended(pid: number, untilMs: number): Life {
  return { name: 'consumer', pid, fromMs: 0, untilMs };
}

function record(entries: readonly JournalEntry[], facts: Partial<RunRecord> = {}): RunRecord {
  return { ...EMPTY_RECORD, entries, ...facts };
}

const dump = (facts: Partial<QueueDump>): Partial<RunRecord> => ({
  dump: { ...EMPTY_DUMP, ...facts },
});

function complaints(entries: readonly JournalEntry[], facts: Partial<RunRecord> = {}): string[] {
  return judge(record(entries, facts)).violations.map(({ what, ids }) => `${what}: ${ids.join()}`);
}

const sent = [entry('sent', 0, { reason: 'finish' }), entry('confirmed', 1)];
const sentTo = (behaviour: string): JournalEntry[] => [
  entry('sent', 0, { reason: behaviour }),
  entry('confirmed', 1),
];
const mayExpire = [entry('sent', 0, { reason: 'finish', expiresInMs: 100 }), entry('confirmed', 1)];
const handled = [entry('start', 2, by(P)), entry('end', 3, by(P))];
const handledAgain = [entry('start', 3_000, by(Q, 2)), entry('end', 3_001, by(Q, 2))];
const lossOfLease = entry('leaseLost', 4_000, { id: '', pid: P });

describe('the verdict on a chaos run', () => {
  test.each<[string, readonly JournalEntry[], Partial<RunRecord>]>([
    ['was handled', [...sent, ...handled], {}],
    [
      'was handled again after its process ended',
      [...sent, ...handled, ...handledAgain],
      { lives: [ended(P, 2_000)] },
    ],
    [
      'was handled again after its process had lost its lease and learned it late',
      [...sent, ...handled, ...handledAgain, lossOfLease],
      {},
    ],
    [
      'was handled again after a stop, as the same attempt',
      [
        ...sent,
        entry('start', 2, by(P)),
        entry('stop', 3, { id: '', pid: P }),
        entry('end', 5, by(P)),
        entry('start', 4, by(Q)),
        entry('end', 6, by(Q)),
      ],
      {},
    ],
    [
      'failed, and was tried again',
      [...sent, entry('start', 2, by(P)), entry('retried', 3, by(P)), ...handledAgain],
      {},
    ],
    ['is a dead letter', sentTo('reject'), dump({ dead: [letter('a', 'rejected')] })],
    [
      'is dead because its processes crashed, although its handler ended in one of them',
      [...sent, ...handled],
      dump({ dead: [letter('a', 'crashed', 2)] }),
    ],
    ['expired', [...mayExpire, entry('expired', 101, by(P))], dump({ expired: 1 })],
    [
      'expired after it was handled by a process that could no longer settle it',
      [...mayExpire, ...handled, entry('expired', 3_000, by(Q, 2)), lossOfLease],
      dump({ expired: 1 }),
    ],
    [
      "was started before it was due because Redis's clock was set meanwhile",
      [entry('sent', 0, { reason: 'finish', delayMs: 2_000 }), entry('confirmed', 1), ...handled],
      { clockSteps: [{ atMs: 1, byMs: 2_000 }] },
    ],
    [
      'is dead because an outsider forged its header',
      sentTo('unreadable'),
      dump({ dead: [letter('a', 'undecodable')] }),
    ],
    [
      'is dead without a body because an outsider named one that does not exist',
      sentTo('bodiless'),
      dump({ dead: [parkedLetter('7', 'undecodable')] }),
    ],
    ['was rejected', [entry('sent', 0, { reason: 'finish' }), entry('rejected', 1)], {}],
    [
      'is unknown and was never held',
      [entry('sent', 0, { reason: 'finish' }), entry('unknown', 1)],
      {},
    ],
  ])('holds for a message that %s', (_, entries, facts) => {
    expect(complaints(entries, facts)).toEqual([]);
  });

  test.each<[string, readonly JournalEntry[], Partial<RunRecord>, string]>([
    ['a confirmed message that is nowhere', sent, {}, 'lost: a'],
    [
      'an unknown message that a process began and nobody ended',
      [entry('sent', 0), entry('unknown', 1), entry('start', 2, by(P))],
      {},
      'lost: a',
    ],
    [
      'a message that is nowhere after its last attempt, although an earlier one ended',
      [...sent, ...handled, entry('start', 3_000, by(Q, 2))],
      { lives: [ended(P, 2_000)] },
      'lost: a',
    ],
    [
      'a message that expired but was not counted',
      [...mayExpire, entry('expired', 101, by(P))],
      {},
      '0 counted as expired, 1 expired: a',
    ],
    [
      'more messages counted as expired than expired',
      [...sent, ...handled],
      dump({ expired: 1 }),
      '1 counted as expired, 0 expired: ',
    ],
    [
      'a message that expired but had no expiry',
      [...sent, entry('expired', 101, by(P))],
      dump({ expired: 1 }),
      'expired, but had no expiry: a',
    ],
    [
      'a message that expired before its time',
      [
        entry('sent', 0, { reason: 'finish', expiresInMs: 3_600_000 }),
        entry('confirmed', 1),
        entry('expired', 5, by(P)),
      ],
      dump({ expired: 1 }),
      'expired before its time: a',
    ],
    [
      'a message that was started before it was due',
      [entry('sent', 0, { reason: 'finish', delayMs: 2_000 }), entry('confirmed', 1), ...handled],
      {},
      'started before it was due: a',
    ],
    [
      'a message that was rejected but handled',
      [entry('sent', 0), entry('rejected', 1), ...handled],
      {},
      'rejected, but there: a',
    ],
    [
      'a message that is dead twice',
      sentTo('reject'),
      dump({ dead: [letter('a', 'rejected'), letter('a', 'rejected')] }),
      'in several places: dead, dead: a',
    ],
    [
      'a message that is dead and was handled',
      [...sentTo('failAlways'), ...handled],
      dump({ dead: [letter('a', 'handlerFailed')] }),
      'in several places: dead, handled: a',
    ],
    [
      'a message that is dead without a reason',
      sent,
      dump({ dead: [letter('a', 'handlerFailed')] }),
      'dead without a reason: a',
    ],
    [
      'a forged message that a handler got',
      [...sentTo('unreadable'), ...handled],
      {},
      'handled, but had to be dead: a',
    ],
    [
      "a message that never fails by itself but is dead because its handler's database was away",
      sentTo('dawdle'),
      dump({ dead: [letter('a', 'handlerFailed', 12)] }),
      'dead without a reason: a',
    ],
    [
      "a message that was started before it was due, even counting the steps of Redis's clock",
      [entry('sent', 0, { reason: 'finish', delayMs: 9_000 }), entry('confirmed', 1), ...handled],
      { clockSteps: [{ atMs: 1, byMs: 2_000 }] },
      'started before it was due: a',
    ],
    [
      'a message from a list of outsiders that is nowhere',
      sent.map((each) => ({ ...each, verb: 'push' as const })),
      {},
      'lost: a',
    ],
    [
      'a message for a handler of batches that is nowhere',
      sent.map((each) => ({ ...each, verb: 'bulk' as const })),
      {},
      'lost: a',
    ],
    [
      'a batch with more messages than allowed',
      ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => entry('start', 2, { ...by(P), id, batch: 1 })),
      {},
      'in a batch that was too large: a,b,c,d,e,f',
    ],
    [
      'a place that is still taken after its handler ended',
      [],
      { taken: ['19 of 20 ran'] },
      'places that were not free at the end: 19 of 20 ran',
    ],
    [
      'a reply on a key of others',
      [],
      { touched: ['sessions'] },
      'keys of others that were touched: sessions',
    ],
    [
      'a body that nobody removed',
      [],
      { littered: ['work'] },
      'bodies remained when no message was left: work',
    ],
    ['a handler of a message that was never sent', handled, {}, 'never sent: a'],
    [
      'a message that was handed out twice as the same attempt',
      [...sent, ...handled, entry('start', 5, by(Q)), entry('end', 6, by(Q)), lossOfLease],
      { lives: [ended(P, 4)] },
      'handed out twice as the same attempt: a',
    ],
    [
      'a message that was handed out again although its process lived and had its lease',
      [...sent, ...handled, ...handledAgain],
      { lives: [ended(P, 100_000)] },
      'handed out again without a cause: a',
    ],
    [
      'an answer that was for another request',
      [entry('asked', 0), entry('failed', 1, { reason: WRONG_ANSWER })],
      {},
      'got the answer to another request: a',
    ],
    [
      'a live event that one process heard twice',
      [entry('emitted', 0), entry('heard', 1, { pid: P }), entry('heard', 2, { pid: P })],
      {},
      'heard twice by one process: a',
    ],
    [
      'dead letters that were dropped',
      [...sent, ...handled],
      dump({ deadLettersDropped: 1 }),
      '1 dead letters were dropped: ',
    ],
    ['a call that never ended', [], { hung: ['a'] }, 'calls that never ended: a'],
    [
      'garbage that was not dead-lettered',
      [],
      { garbage: 1 },
      '1 pushed as garbage, 0 of them dead: ',
    ],
  ])('is broken by %s', (_, entries, facts, complaint) => {
    expect(complaints(entries, facts)).toContain(complaint);
  });

  test.each<[string, Partial<QueueDump>, string]>([
    ['waits', { waiting: [letter('a', '')] }, 'still waiting: a'],
    ['is delayed', { delayed: [letter('a', '')] }, 'still delayed: a'],
    ['is held', { processing: new Map([['c', [letter('a', '')]]]) }, 'still held by c: a'],
  ])('is broken by a message that still %s', (_, facts, complaint) => {
    expect(complaints(sent, dump(facts))).toEqual([complaint]);
  });

  test.each<[string, Partial<QueueDump>, string]>([
    ['belongs to no message', { parked: ['7'] }, 'parked bodies without a message: 7: '],
    ['is gone', { dead: [parkedLetter('7')] }, 'its parked body is gone: a'],
  ])('is broken by a parked body that %s', (_, facts, complaint) => {
    expect(complaints(sentTo('reject'), dump(facts))).toContain(complaint);
  });

  test('holds for a dead letter with a parked body', () => {
    const facts = dump({ dead: [parkedLetter('7')], parked: ['7'] });
    expect(complaints(sentTo('reject'), facts)).toEqual([]);
  });

  test('counts duplicates by their cause', () => {
    const { books } = judge(
      record([...sent, ...handled, ...handledAgain], { lives: [ended(P, 2_000)] }),
    );
    expect(books[0]?.counts).toMatchObject({
      'ran again: process ended': 1,
      'ran again: lease lost': 0,
      'ran again: released': 0,
      'ran again: no cause': 0,
    });
  });
});

test('the verdict counts batches, and the messages in them', () => {
  const inBatch = (batch: number, id: string, pid: number): JournalEntry =>
    entry('start', 2, { ...by(pid), id, batch });
  const entries = [inBatch(1, 'a', P), inBatch(1, 'b', P), inBatch(1, 'c', Q), inBatch(2, 'd', P)];
  expect(judge(record(entries)).counts).toMatchObject({
    'batches: run': 3,
    'batches: of several messages': 1,
    'batches: messages in them': 4,
  });
});

test('the history of a message includes its processes and the faults of that time', () => {
  const strikes = [{ fault: 'consumer killed', target: 'consumer', fromMs: 1_999, untilMs: 2_500 }];
  const lives = [ended(P, 2_000)];
  const other = entry('start', 2, { ...by(P), id: 'b' });
  const entries = [...sent, ...handled, other, ...handledAgain];
  expect(historyOf('a', record(entries, { strikes, lives }))).toEqual([
    '    0.0000 s  ? (pid 1) sent, finish',
    '    0.0000 s  consumer (pid 10) was started',
    '    0.0010 s  ? (pid 1) confirmed',
    '    0.0020 s  consumer (pid 10) start attempt 1',
    '    0.0030 s  consumer (pid 10) end attempt 1',
    '    1.9990 s  --- consumer killed (consumer)',
    '    2.0000 s  consumer (pid 10) ended',
    '    2.5000 s  --- consumer killed (consumer) is over',
    '    3.0000 s  ? (pid 20) start attempt 2',
    '    3.0010 s  ? (pid 20) end attempt 2',
  ]);
});
