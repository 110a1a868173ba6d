import { expect, test } from '@jest/globals';
import type { JournalEntry, JournalEvent } from '../support/journal.js';
import { RunningHolds } from './running-holds.js';

function entry(event: JournalEvent, id: string, facts: Partial<JournalEntry> = {}): JournalEntry {
  return { event, id, attempt: 1, pid: 10, atMs: 0, queue: 'work', ...facts };
}

test('counts the most handlers that ran at once, for each process and queue', () => {
  const running = new RunningHolds((id) => id.startsWith('hold-'));

  running.note([entry('start', 'hold-1'), entry('start', 'hold-2'), entry('start', 'other')]);
  running.note([
    entry('start', 'hold-3', { pid: 20 }),
    entry('start', 'hold-4', { queue: 'mail' }),
    entry('aborted', 'hold-1'),
    entry('start', 'hold-1', { attempt: 2 }),
    entry('end', 'hold-2'),
  ]);

  expect(running.most({ pid: 10, queue: 'work' })).toBe(2);
  expect(running.most({ pid: 20, queue: 'work' })).toBe(1);
  expect(running.most({ pid: 10, queue: 'mail' })).toBe(1);
  expect(running.most({ pid: 30, queue: 'work' })).toBe(0);
});

test('counts a batch as one', () => {
  const running = new RunningHolds(() => true);

  running.note([
    entry('start', 'a', { batch: 1 }),
    entry('start', 'b', { batch: 1 }),
    entry('start', 'c', { batch: 2 }),
    entry('end', 'a', { batch: 1 }),
    entry('end', 'b', { batch: 1 }),
    entry('start', 'd', { batch: 3 }),
  ]);

  expect(running.most({ pid: 10, queue: 'work' })).toBe(2);
});
