import { describe, expect, test } from '@jest/globals';
import { EventIndex, historyField, historyValue, listenersField } from './event-index.js';
import { subscriptionOf, subscriptionQueue } from '../message/queue-name.js';

function indexOf(fields: Readonly<Record<string, string>>): EventIndex {
  return new EventIndex(new Map(Object.entries(fields)));
}

describe('the index of groups', () => {
  test('leads only to live listeners of the pattern if it is empty', () => {
    const index = indexOf({});
    expect(index.routeOf('order.placed')).toEqual({
      listeners: ['order.placed'],
      queues: [],
      groups: 0,
      histories: [],
    });
  });

  test('leads to all that want the pattern, its own history first', () => {
    const index = indexOf({
      '@billing/order.placed': '1',
      '@billing/order.*': '1',
      '@mail/#': '1',
      '@mail/order.paid': '1',
      [listenersField('order.#')]: '1',
      [listenersField('stock.*')]: '1',
      [historyField('order.*')]: historyValue({ maxAgeMs: 5 }),
      [historyField('order.placed')]: historyValue({ maxLength: 3 }),
    });
    expect(index.routeOf('order.placed')).toEqual({
      listeners: ['order.placed', 'order.#'],
      queues: ['@billing/order.*', '@billing/order.placed', '@mail/#'],
      groups: 2,
      histories: [
        { pattern: 'order.placed', maxLength: 3 },
        { pattern: 'order.*', maxAgeMs: 5 },
      ],
    });
  });

  test('ignores unknown fields, and bounds histories that were written by hand', () => {
    const index = indexOf({ later: '1', 'history:a': 'all', 'history:b': '{"maxLength":-1}' });
    expect(index.queues).toEqual([]);
    expect(index.histories).toEqual([{ pattern: 'a', maxLength: 1_000 }, { pattern: 'b' }]);
  });
});

describe('the queue of a subscription', () => {
  test.each(['order.placed', '#', 'a/b', '@x/y', '{"cmd":"sum"}', 'two\nlines'])(
    'tells its group and its pattern: %s',
    (pattern) => {
      const subscription = { group: 'billing-2.0', pattern };
      expect(subscriptionOf(subscriptionQueue(subscription))).toEqual(subscription);
    },
  );

  test.each(['order.placed', '@billing', '@billing/', '@/order', '@a b/c', 'x@billing/order'])(
    'is no other name: %s',
    (queue) => {
      expect(subscriptionOf(queue)).toBeUndefined();
    },
  );
});
