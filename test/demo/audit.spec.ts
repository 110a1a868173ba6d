import { describe, expect, test } from '@jest/globals';
import { audit } from '../../scripts/demo/audit.js';
import { totalsOf, type Books } from '../../scripts/demo/books.js';

/** Two orders: one confirmed with two cups, one rejected. */
const balanced: Books = {
  accepted: new Map([
    ['a', [{ sku: 'CUP', quantity: 2 }]],
    ['b', [{ sku: 'CUP', quantity: 9 }]],
  ]),
  refused: 1,
  sentAgain: 0,
  failures: [],
  orders: new Map([
    ['a', 'confirmed'],
    ['b', 'rejected'],
  ]),
  outcomes: new Map([
    ['a', 'reserved'],
    ['b', 'rejected'],
  ]),
  emails: [
    { orderId: 'b', outcome: 'rejected' },
    { orderId: 'a', outcome: 'confirmed' },
  ],
  seeded: new Map([['CUP', 5]]),
  left: new Map([['CUP', 3]]),
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
      placed: 2,
      refused: 1,
      sentAgain: 0,
      confirmed: 1,
      rejected: 1,
      notified: 2,
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
      { orders: new Map([['a', 'confirmed']]) },
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
      'a stranger is settled',
      order('c', 'confirmed'),
      'orders that were not accepted are settled',
      'c',
    ],
    [
      'a stranger took stock',
      { outcomes: new Map([...balanced.outcomes, ['c', 'reserved']]) },
      'orders that were not accepted are in the stock',
      'c',
    ],
    [
      'an e-mail is missing',
      { emails: balanced.emails.slice(1) },
      'accepted orders have no e-mail',
      'b',
    ],
    [
      'an e-mail was sent twice',
      { emails: [...balanced.emails, ...balanced.emails.slice(1)] },
      'orders have more than one e-mail',
      'a',
    ],
    [
      'an e-mail says the opposite',
      { emails: balanced.emails.map((email) => ({ ...email, outcome: 'rejected' })) },
      'e-mails say something else than the order',
      'a',
    ],
    [
      'a stranger got an e-mail',
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
      'CUP (4 reserved, 2 sold)',
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
