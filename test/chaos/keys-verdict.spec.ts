import { describe, expect, test } from '@jest/globals';
import type { JournalEntry, JournalEvent } from '../support/journal.js';
import { EMPTY_DUMP, EMPTY_RECORD } from './empty-record.js';
import { booksOf } from './books.js';
import { outOfOrder } from './key-order.js';
import { limitOf } from './limit-verdict.js';
import type { RunRecord } from './run-record.js';
import { KEYED, LIMITED, RUNNING } from './settings.js';

const P = 10;
const Q = 20;

function entry(event: JournalEvent, id: string, atMs: number, pid: number): JournalEntry {
  return { event, id, attempt: 1, pid, atMs, queue: KEYED };
}

function sent(id: string, key = 'k'): JournalEntry {
  return { event: 'sent', id, attempt: 0, pid: 1, atMs: 0, verb: 'keyed', key };
}

function ran(id: string, fromMs: number, untilMs: number, pid = P, attempt = 1): JournalEntry[] {
  const both = [entry('start', id, fromMs, pid), entry('end', id, untilMs, pid)];
  return both.map((one) => ({ ...one, attempt }));
}

function early(entries: readonly JournalEntry[], dead: readonly string[] = []): string[] {
  const letters = dead.map((id) => Buffer.from(`{"rq":1,"id":"${id}"}\n{}`));
  const dump = { ...EMPTY_DUMP, dead: letters };
  const record: RunRecord = { ...EMPTY_RECORD, entries, keyed: new Map([['keyed', dump]]) };
  const book = booksOf(record).find(({ name }) => name === 'keyed');
  return book === undefined ? ['there is no book'] : outOfOrder(book);
}

describe('the order of a key in a chaos run', () => {
  test('holds where each message begins after the one before has ended', () => {
    expect(early([sent('a'), sent('b'), ...ran('a', 1, 5), ...ran('b', 5, 6)])).toEqual([]);
  });

  test('is broken by one that begins while the one before runs, or before it is tried again', () => {
    const both = [sent('a'), sent('b')];
    expect(early([...both, ...ran('a', 1, 5), ...ran('b', 4, 6)])).toEqual(['b']);
    const again = [entry('start', 'a', 1, P), ...ran('a', 9, 10, Q, 2)];
    expect(early([...both, ...again, ...ran('b', 4, 6)])).toEqual(['b']);
  });

  test('is not broken by other keys, nor by what a process that was cut off still does', () => {
    expect(early([sent('a'), sent('b', 'l'), ...ran('a', 1, 5), ...ran('b', 2, 3)])).toEqual([]);
    const cutOff = [...ran('a', 1, 99), ...ran('a', 5, 6, Q, 2)];
    expect(early([sent('a'), sent('b'), ...cutOff, ...ran('b', 7, 8)])).toEqual([]);
    expect(early([sent('a'), sent('b'), ...ran('a', 1, 99), ...ran('b', 7, 8)], ['a'])).toEqual([]);
  });
});

describe('the limit in a chaos run', () => {
  function limited(...deliveries: readonly (readonly JournalEntry[])[]): RunRecord {
    const entries = deliveries.flat().map((one) => ({ ...one, queue: LIMITED }));
    return { ...EMPTY_RECORD, entries };
  }
  const many = Array.from({ length: RUNNING }, (_, index) => ran(`m${index}`, 1, 10));

  test('is used in full', () => {
    expect(limitOf(limited(...many, ran('next', 10, 11)))).toEqual({
      most: RUNNING,
      exceeding: [],
    });
  });

  test('is exceeded by one more, in any process', () => {
    expect(limitOf(limited(...many, ran('next', 9, 11, Q))).exceeding).toEqual(['next']);
  });

  test('does not count what others have taken back', () => {
    const takenBack = [...ran('old', 1, 30, Q), ...ran('old', 20, 21, P, 2)];
    expect(limitOf(limited(...many, takenBack)).exceeding).toEqual([]);
  });
});
