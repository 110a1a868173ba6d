import { describe, expect, test } from '@jest/globals';
import type { QueuedMessage } from '../index.js';
import { shownData } from './shown-data.js';

function message(data: unknown, facts: Partial<QueuedMessage> = {}): QueuedMessage {
  return {
    id: 'a',
    pattern: undefined,
    attempt: 1,
    priority: 4,
    crashes: 0,
    sentAt: undefined,
    expiresAt: undefined,
    headers: {},
    data,
    isDataUnread: false,
    element: Buffer.from('{}'),
    ...facts,
  };
}

describe('data on a board', () => {
  const circular: Record<string, unknown> = { n: 1 };
  circular['self'] = circular;

  test.each<[unknown, unknown]>([
    [
      { n: 1, deep: [true, null, 'ü'] },
      { n: 1, deep: [true, null, 'ü'] },
    ],
    ['text', 'text'],
    [0, 0],
    [null, null],
    [
      { at: new Date(0), n: 2n ** 70n },
      { at: '1970-01-01T00:00:00.000Z', n: '1180591620717411303424' },
    ],
    [Buffer.from([0x68, 0x69, 0xff]), '3 bytes: "hiÿ"'],
    [{ bytes: new Uint8Array([1, 2]) }, { bytes: String.raw`2 bytes: "\u0001\u0002"` }],
    [undefined, 'undefined'],
  ])('%p is shown as %p', (data, shown) => {
    expect(shownData(message(data), 'page')).toEqual(shown);
  });

  test('that JSON cannot write is shown as text', () => {
    expect(shownData(message(circular), 'page')).toMatch(/n: 1.*Circular/s);
  });

  test('of many bytes is shown by its beginning', () => {
    const shown = String(shownData(message(Buffer.alloc(5_000, 'a')), 'page'));
    expect(shown).toMatch(/^5000 bytes: "a+"$/);
    expect(shown.length).toBeLessThan(1_100);
  });

  test('that is large is for those who open the message', () => {
    const note = 'large: open the message to see it';
    const large = 'x'.repeat(16_384);
    expect(shownData(message(large), 'list')).toBe(note);
    expect(shownData(message(large), 'page')).toBe(large);
    expect(shownData(message('x'.repeat(16_382)), 'list')).not.toBe(note);
    expect(shownData(message(undefined, { isDataUnread: true }), 'list')).toBe(note);
  });

  test('that cannot be read is shown by its bytes', () => {
    const unreadable = 'The element is empty.';
    const element = Buffer.alloc(0);
    expect(shownData(message(undefined, { unreadable, element }), 'list')).toEqual({
      unreadable,
      element: '0 bytes: ""',
    });
  });
});
