import { describe, expect, test } from '@jest/globals';
import { slotOf } from './slots.js';

describe('the slot of a key', () => {
  test.each([
    // As CLUSTER KEYSLOT of Redis 7.0 replies.
    ['123456789', 12_739],
    ['', 0],
    ['rq:{mail.send}:waiting', slotOf('mail.send')],
    ['rq:{{"cmd":"sum"}}:waiting', slotOf('{"cmd":"sum"')],
    ['{}x', slotOf('{}x')],
  ])('%s is in slot %s', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });

  test('is that of its hash tag alone', () => {
    expect(slotOf('a:{q}:waiting')).toBe(slotOf('b:{q}:dead'));
    expect(slotOf('{}x')).not.toBe(slotOf('x'));
  });
});
