import { describe, expect, test } from '@jest/globals';
import { audit } from '../../scripts/demo/audit.js';
import { totalsOf, type Books } from '../../scripts/demo/books.js';

/**
 * Four orders: one confirmed with two cups, one rejected, and two by transfer, one of them paid, the other cancelled.
 */
const balanced: Books = {
  accepted: new Map([
    ['a', { payment: 'card', lines: [{ sku: 'CUP', quantity: 2 }] }],
    ['b', { payment: 'card', lines: [{ sku: 'CUP', quantity: 9 }] }],
    ['t', { payment: 'transfer', lines: [{ sku: 'CUP', quantity: 1 }] }],
    ['u', { payment: 'transfer', lines: [{ sku: 'CUP', quantity: 1 }] }],
  ]),
  refused: 1,
  sentAgain: 0,
  failures: [],
  orders: new Map([
    ['a', 'confirmed'],
    ['b', 'rejected'],
    ['t', 'confirmed'],
    ['u', 'cancelled'],
  ]),
  outcomes: new Map([
    ['a', 'reserved'],
    ['b', 'rejected'],
    ['t', 'reserved'],
    ['u', 'released'],
  ]),
  charges: ['a'],
  chargeCalls: 2,
  transfers: ['t'],
  emails: [
    { orderId: 'b', outcome: 'rejected' },
    { orderId: 'a', outcome: 'confirmed' },
    { orderId: 't', outcome: 'confirmed' },
    { orderId: 'u', outcome: 'cancelled' },
  ],
  seeded: new Map([['CUP', 5]]),
  left: new Map([['CUP', 2]]),
  redelivered: 1,
  queues: [
    { queue: 'inventory.reserve', waiting: 0, suspects: 0, processing: 0, delayed: 0, dead: 0 },
  ],
  unreadable: [],
};

describe('the books', () => {
  test('balance when everything agrees', () => {
    expect(audit(balanced)).toEqual([]);
    expect(totalsOf(balanced)).toEqual({
      placed: 4,
      refused: 1,
      sentAgain: 0,
      confirmed: 2,
      rejected: 1,
      cancelled: 1,
      paid: 2,
      chargeCalls: 2,
      notified: 4,
      redelivered: 1,
      lost: 0,
    });
  });

  const order = (id: string, status: string): Pick<Books, 'orders'> => ({
    orders: new Map([...balanced.orders, [id, status]]),
  });

  test.each<[string, Partial<Books>, string, string]>([
    [
      'an order stays open',
      order('b', 'accepted'),
      'accepted orders are not settled',
      'b (accepted)',
    ],
    [
      'an order is unknown',
      { orders: new Map([...balanced.orders].filter(([id]) => id !== 'b')) },
      'accepted orders are not settled',
      'b (unknown)',
    ],
    [
      'an order was told another outcome than the stock has',
      order('b', 'confirmed'),
      'orders are settled in another way than the stock says',
      'b (confirmed, stock says rejected)',
    ],
    [
      'an unknown order is settled',
      order('c', 'confirmed'),
      'orders that were not accepted are settled',
      'c',
    ],
    [
      'an unknown order took stock',
      { outcomes: new Map([...balanced.outcomes, ['c', 'reserved']]) },
      'orders that were not accepted are in the stock',
      'c',
    ],
    [
      'a cancelled order keeps its goods',
      { outcomes: new Map([...balanced.outcomes, ['u', 'reserved']]) },
      'orders are settled in another way than the stock says',
      'u (cancelled, stock says reserved)',
    ],
    ['a confirmed order was not paid', { charges: [] }, 'orders are confirmed and not paid', 'a'],
    ['a card was charged twice', { charges: ['a', 'a'] }, 'orders are paid more than once', 'a'],
    [
      'an order was charged that had been paid by transfer',
      { charges: ['a', 't'] },
      'orders are paid more than once',
      't',
    ],
    [
      'somebody paid for nothing',
      { charges: ['a', 'b'] },
      'orders are paid and not confirmed',
      'b (rejected)',
    ],
    [
      'an unknown order is paid',
      { charges: ['a', 'c'] },
      'orders are paid and not confirmed',
      'c (unknown)',
    ],
    [
      'an e-mail is missing',
      { emails: balanced.emails.slice(1) },
      'accepted orders have no e-mail',
      'b',
    ],
    [
      'an e-mail was sent twice',
      { emails: [...balanced.emails, ...balanced.emails.slice(1, 2)] },
      'orders have more than one e-mail',
      'a',
    ],
    [
      'an e-mail says the opposite',
      {
        emails: balanced.emails.map((email) =>
          email.orderId === 'a' ? { ...email, outcome: 'rejected' } : email,
        ),
      },
      'e-mails say something else than the order',
      'a',
    ],
    [
      'an unknown order got an e-mail',
      { emails: [...balanced.emails, { orderId: 'c', outcome: 'confirmed' }] },
      'e-mails are about orders that were not accepted',
      'c',
    ],
    [
      'stock is below zero',
      { seeded: new Map([['CUP', 1]]), left: new Map([['CUP', -1]]) },
      'items have less than no stock',
      'CUP (-1)',
    ],
    [
      'units were taken twice',
      { left: new Map([['CUP', 1]]) },
      'items have another number of units reserved than sold',
      'CUP (4 reserved, 3 sold)',
    ],
    [
      'something is left in a queue',
      { queues: [{ queue: 'q', waiting: 1, suspects: 5, processing: 2, delayed: 3, dead: 4 }] },
      'queues are not empty',
      'q (1 waiting, 5 suspects, 2 in processing, 3 delayed, 4 dead)',
    ],
    [
      'an order got another answer',
      { failures: ['status 503'] },
      'orders got neither a 202 nor a 400',
      'status 503',
    ],
    ['a fact is missing', { unreadable: ['orders'] }, 'facts cannot be read', 'orders'],
  ])('do not balance if %s', (_, change, what, where) => {
    expect(audit({ ...balanced, ...change })).toContainEqual({ what, where: [where] });
  });

  test('count an accepted order without an end as lost', () => {
    expect(totalsOf({ ...balanced, ...order('b', 'accepted') }).lost).toBe(1);
  });
});
