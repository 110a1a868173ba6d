import type { SentOrder } from './order-sender.js';
import type { QueueLengths } from './queue-lengths.js';

/** Everything that is known about the orders at the end, each fact from where it is kept. */
export interface Books {
  /** What the demo itself saw: order id → what it sent. */
  readonly accepted: ReadonlyMap<string, SentOrder>;
  readonly refused: number;
  /** How many orders were sent more than once, because nobody answered. */
  readonly sentAgain: number;
  /** Orders that got neither a 202 nor a 400. */
  readonly failures: readonly string[];
  /** What order-service says: order id → its status. */
  readonly orders: ReadonlyMap<string, string>;
  /** What inventory-service stored: order id → how the reservation ended. */
  readonly outcomes: ReadonlyMap<string, string>;
  /** What the mail provider has sent, in order. */
  readonly emails: readonly { readonly orderId: string; readonly outcome: string }[];
  /** Ids of the orders for which the payment provider has charged a card, in order. */
  readonly charges: readonly string[];
  /** How many times the provider was called. */
  readonly chargeCalls: number;
  /** Ids of the orders for which the demo sent the money by transfer. */
  readonly transfers: readonly string[];
  /** SKU → units at the start, and units now. */
  readonly seeded: ReadonlyMap<string, number>;
  readonly left: ReadonlyMap<string, number>;
  /** How many reservations were handed out again. */
  readonly redelivered: number;
  readonly queues: readonly QueueLengths[];
  /** What could not be read, and why; the fact itself is then empty. */
  readonly unreadable: readonly string[];
}

export interface Totals {
  readonly placed: number;
  readonly refused: number;
  readonly sentAgain: number;
  readonly confirmed: number;
  readonly rejected: number;
  readonly cancelled: number;
  readonly paid: number;
  readonly chargeCalls: number;
  readonly notified: number;
  readonly redelivered: number;
  readonly lost: number;
}

export function totalsOf(books: Books): Totals {
  const { accepted, orders, charges, transfers, emails } = books;
  const statuses = [...accepted.keys()].map((id) => orders.get(id));
  const count = (wanted: string): number => statuses.filter((status) => status === wanted).length;
  const confirmed = count('confirmed');
  const rejected = count('rejected');
  const cancelled = count('cancelled');
  return {
    placed: accepted.size,
    refused: books.refused,
    sentAgain: books.sentAgain,
    confirmed,
    rejected,
    cancelled,
    paid: new Set([...charges, ...transfers]).size,
    chargeCalls: books.chargeCalls,
    notified: new Set(emails.map(({ orderId }) => orderId)).size,
    redelivered: books.redelivered,
    lost: accepted.size - confirmed - rejected - cancelled,
  };
}
