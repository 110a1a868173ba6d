import { describe, expect, test } from '@jest/globals';
import { destinationOf } from './destination.js';
import { errorTypeOf } from './error-type.js';

const DELIVERY = {
  queue: 'work',
  id: 'm',
  attempt: 1,
  pattern: undefined,
  headers: {},
  sentAtMs: undefined,
  isLive: false,
};

describe('the destination', () => {
  test.each([
    ['of a message is its queue', {}, ['work', undefined, undefined]],
    [
      'of a message is its queue, whatever its header says',
      { pattern: 'forged' },
      ['work', undefined, undefined],
    ],
    [
      'of a live event is its pattern',
      { queue: 'happened', pattern: 'happened', isLive: true },
      ['happened', undefined, undefined],
    ],
    [
      'of a live event of another program is that of the handler',
      { queue: 'happened', isLive: true },
      ['happened', undefined, undefined],
    ],
    [
      'of a live event that a wildcard hears has that as its template',
      { queue: 'user.*', pattern: 'user.created', isLive: true },
      ['user.created', 'user.*', undefined],
    ],
    [
      'of a durable event has its group',
      { queue: '@mail/user.created', pattern: 'user.created' },
      ['user.created', undefined, 'mail'],
    ],
    [
      'of a durable event by a wildcard has both',
      { queue: '@mail/user.#', pattern: 'user.created' },
      ['user.created', 'user.#', 'mail'],
    ],
    [
      'of a live event whose pattern looks like the queue of a group is that pattern',
      { queue: '@mail/user', pattern: '@mail/user', isLive: true },
      ['@mail/user', undefined, undefined],
    ],
  ])('%s', (_, delivery, expected) => {
    const { name, template, group } = destinationOf({ ...DELIVERY, ...delivery });
    expect([name, template, group]).toEqual(expected);
  });
});

describe('the type of an error', () => {
  class PaymentDeclined extends Error {}
  const named = (name: unknown): Error => Object.assign(new Error('secret'), { name });

  test.each<[string, unknown, string]>([
    ['its name', new TypeError('secret'), 'TypeError'],
    [
      'its class, if it keeps the name of its parent',
      new PaymentDeclined('secret'),
      'PaymentDeclined',
    ],
    [
      'the name that is left of it in a dead letter',
      { name: 'RangeError', message: '' },
      'RangeError',
    ],
    ['unknown for text', 'secret', '_OTHER'],
    ['unknown for nothing', undefined, '_OTHER'],
    ['unknown for a reply', { status: 'error', message: 'secret' }, '_OTHER'],
    ['unknown for a name that says something', named('Order 7 of Ada'), '_OTHER'],
    ['unknown for an invalid name', named(7), '_OTHER'],
    ['unknown for a long name', named('x'.repeat(200)), '_OTHER'],
  ])('is %s', (_, error, expected) => {
    expect(errorTypeOf(error)).toBe(expected);
  });

  test('is unknown for what throws when it is read', () => {
    const hostile = new Proxy(new Error('secret'), {
      get: () => {
        throw new Error('not readable');
      },
    });
    expect(errorTypeOf(hostile)).toBe('_OTHER');
  });
});
