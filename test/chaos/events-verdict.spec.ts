import { describe, expect, test } from '@jest/globals';
import type { JournalEntry, JournalEvent } from '../support/journal.js';
import { EMPTY_DUMP, EMPTY_RECORD } from './empty-record.js';
import type { RunRecord } from './run-record.js';
import { queueOfGroup } from './settings.js';
import { judge } from './verdict.js';

function entry(event: JournalEvent, id: string, facts: Partial<JournalEntry> = {}): JournalEntry {
  return { event, id, attempt: 0, pid: 1, atMs: 0, ...facts };
}

function emitted(id: string, how: 'confirmed' | 'rejected' | 'unknown'): JournalEntry[] {
  return [
    entry('sent', id, { verb: 'emit', reason: 'finish' }),
    entry(how, id, { verb: 'emit', atMs: 1 }),
  ];
}

function handledBy(group: string, id: string): JournalEntry[] {
  const facts = { queue: queueOfGroup(group), attempt: 1, pid: 10, atMs: 2 };
  return [entry('start', id, facts), entry('end', id, facts)];
}

const told = (pid: number, ...ids: string[]): JournalEntry[] =>
  ids.map((id) => entry('told', id, { pid }));

function complaints(entries: readonly JournalEntry[], facts: Partial<RunRecord> = {}): string[] {
  const record: RunRecord = {
    ...EMPTY_RECORD,
    entries,
    groups: new Map([
      ['billing', EMPTY_DUMP],
      ['mail', EMPTY_DUMP],
    ]),
    history: ['a'],
    ...facts,
  };
  return judge(record).violations.map(({ what, ids }) => `${what}: ${ids.join()}`);
}

const everywhere = (id: string): JournalEntry[] => [
  ...handledBy('billing', id),
  ...handledBy('mail', id),
];

describe('the verdict on durable events', () => {
  test.each<[string, readonly JournalEntry[], Partial<RunRecord>]>([
    ['was handled in each group', [...emitted('a', 'confirmed'), ...everywhere('a')], {}],
    [
      'is unknown, but was handled in each group',
      [...emitted('a', 'unknown'), ...everywhere('a')],
      {},
    ],
    ['is unknown, and is nowhere', emitted('a', 'unknown'), { history: [] }],
    ['was rejected', emitted('a', 'rejected'), { history: [] }],
  ])('holds for an event that %s', (_, entries, facts) => {
    expect(complaints(entries, facts)).toEqual([]);
  });

  test('holds for processes that hear parts of the history', () => {
    const ids = ['a', 'b', 'c'];
    const handled = ids.flatMap((id) => [...emitted(id, 'confirmed'), ...everywhere(id)]);
    const entries = [...handled, ...told(10, 'a', 'b'), ...told(20, 'b', 'c')];
    expect(complaints(entries, { history: ids })).toEqual([]);
  });

  test.each<[string, readonly JournalEntry[], Partial<RunRecord>, string]>([
    [
      'an event that one group does not have',
      [...emitted('a', 'confirmed'), ...handledBy('billing', 'a')],
      {},
      'lost (group mail): a',
    ],
    [
      'an unknown event that only one of the groups has',
      [...emitted('a', 'unknown'), ...handledBy('billing', 'a')],
      {},
      'in the history or in group mail, but not in both: a',
    ],
    [
      'a rejected event that a group has',
      [...emitted('a', 'rejected'), ...handledBy('mail', 'a')],
      { history: [] },
      'rejected, but there (group mail): a',
    ],
    [
      'a rejected event in the history',
      emitted('a', 'rejected'),
      {},
      'rejected, but in the history: a',
    ],
    [
      'an event that is not in the history',
      [...emitted('a', 'confirmed'), ...everywhere('a')],
      { history: [] },
      'not in the history: a',
    ],
    [
      'an event that is in the history twice',
      [...emitted('a', 'confirmed'), ...everywhere('a')],
      { history: ['a', 'a'] },
      'twice in the history: a',
    ],
    [
      'an event with other data',
      [
        ...emitted('a', 'confirmed'),
        ...everywhere('a'),
        entry('garbled', 'a', { queue: queueOfGroup('mail') }),
      ],
      {},
      'handed out with other data than was sent (group mail): a',
    ],
    [
      'live events in another order',
      told(10, 'b', 'a'),
      { history: ['a', 'b'] },
      'live events with a gap or out of order before them: a',
    ],
    [
      'a live event that was left out',
      told(10, 'a', 'c'),
      { history: ['a', 'b', 'c'] },
      'live events with a gap or out of order before them: c',
    ],
    [
      'a live event that came twice',
      told(10, 'a', 'a'),
      {},
      'live events with a gap or out of order before them: a',
    ],
    ['a gap', [entry('gap', '')], {}, '1 gaps in live events: '],
    [
      'a listener that hears nothing any more',
      [],
      { deaf: ['consumer-1'] },
      'did not hear the last event: consumer-1',
    ],
  ])('is broken by %s', (_, entries, facts, complaint) => {
    expect(complaints(entries, facts)).toContain(complaint);
  });
});
