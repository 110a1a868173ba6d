import { describe, expect, test } from '@jest/globals';
import type { QueueDump } from '../support/queue-dump.js';
import type { LedgerEvent, LedgerLine } from './ledger-file.js';
import { judge } from './verdict.js';

const AT_REST: QueueDump = {
  waiting: [],
  processing: new Map(),
  delayed: [],
  dead: [],
  expired: 0,
  repeated: 0,
  deadLettersDropped: 0,
};

function line(event: LedgerEvent, id: string, detail = ''): LedgerLine {
  return { event, id, detail };
}

function letter(id: string): Buffer {
  return Buffer.from(`{"rq":1,"id":"${id}","dead":{}}\n{}`);
}

const sent = [line('sent', 'a'), line('held', 'a')];
const handled = [line('start', 'a', '1'), line('end', 'a')];

function faults(
  lines: readonly LedgerLine[],
  dump: Partial<QueueDump> = {},
  garbage = 0,
): string[] {
  return [...judge(lines, { ...AT_REST, ...dump }, garbage, []).faults];
}

describe('the verdict on a chaos run', () => {
  test.each<[string, readonly LedgerLine[], Partial<QueueDump>]>([
    ['was handled', [...sent, ...handled], {}],
    [
      'was handled again after a crash',
      [...sent, ...handled, line('start', 'a', '2'), line('end', 'a')],
      {},
    ],
    ['is a dead letter', sent, { dead: [letter('a')] }],
    ['expired', [line('sent', 'a', 'expires'), line('held', 'a')], { expired: 1 }],
    ['was refused', [line('sent', 'a'), line('refused', 'a')], {}],
    ['is unknown and was never held', [line('sent', 'a'), line('unknown', 'a')], {}],
  ])('holds for a message that %s', (_, lines, dump) => {
    expect(faults(lines, dump)).toEqual([]);
  });

  test.each<[string, readonly LedgerLine[], Partial<QueueDump>, RegExp]>([
    ['a confirmed message that is nowhere', sent, {}, /^lost: a$/],
    [
      'more that vanished than expired',
      [line('sent', 'a', 'expires'), line('held', 'a')],
      {},
      /vanished/,
    ],
    [
      'more that expired than could',
      [...sent, ...handled],
      { expired: 1 },
      /1 expired, but only 0/,
    ],
    ['a message that still waits', [...sent, ...handled], { waiting: [letter('a')] }, /still wait/],
    [
      'one that is still held',
      [...sent, ...handled],
      { processing: new Map([['c', [letter('a')]]]) },
      /still held/,
    ],
    [
      'one that is dead twice',
      sent,
      { dead: [letter('a'), letter('a')] },
      /dead more than once: a/,
    ],
    ['a handler for what was never sent', handled, {}, /never sent: a/],
    [
      'one that is held twice after it was sent again',
      [...sent, line('unknown', 'a'), ...handled, line('start', 'a', '1')],
      {},
      /held twice: a/,
    ],
    [
      'an answer that was for another',
      [line('asked', 'a'), line('failed', 'a', 'wrong')],
      {},
      /answer of another/,
    ],
    ['dead letters that were dropped', [...sent, ...handled], { deadLettersDropped: 1 }, /dropped/],
  ])('is broken by %s', (_, lines, dump, fault) => {
    expect(faults(lines, dump)).toEqual([expect.stringMatching(fault)]);
  });

  test('counts duplicates by their cause', () => {
    const reclaimed = [line('start', 'a', '2'), line('end', 'a')];
    const released = [line('start', 'a', '1'), line('end', 'a')];
    const verdict = judge([...sent, ...handled, ...reclaimed, ...released], AT_REST, 0, []);
    expect(verdict).toMatchObject({ duplicatesReclaimed: 1, duplicatesReleased: 1, faults: [] });
  });

  test('is broken by garbage that is no dead letter', () => {
    expect(faults([], {}, 1)).toEqual([expect.stringMatching(/1 elements of garbage/)]);
  });
});
