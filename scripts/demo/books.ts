import type { OrderLine } from './order-sender.js';
import type { QueueLengths } from './queue-lengths.js';

/** All that is known about the orders at the end, each fact from where it is kept. */
export interface Books {
  /** What the demo itself saw: order id → the lines it sent. */
  readonly accepted: ReadonlyMap<string, readonly OrderLine[]>;
  readonly refused: number;
  /** Orders that were sent more than once, since nobody answered. */
  readonly sentAgain: number;
  /** Orders that got neither a 202 nor a 400. */
  readonly failures: readonly string[];
  /** What order-service answers: order id → its status. */
  readonly orders: ReadonlyMap<string, string>;
  /** What inventory-service stored: order id → how the reservation ended. */
  readonly outcomes: ReadonlyMap<string, string>;
  /** What the mail provider has sent, in its order. */
  readonly emails: readonly { readonly orderId: string; readonly outcome: string }[];
  /** SKU → units at the start, and units now. */
  readonly seeded: ReadonlyMap<string, number>;
  readonly left: ReadonlyMap<string, number>;
  /** Deliveries with an attempt above 1. */
  readonly redelivered: number;
  readonly queues: readonly QueueLengths[];
  /** What could not be read, and why; the fact itself is empty then. */
  readonly unreadable: readonly string[];
}

export interface Totals {
  readonly placed: number;
  readonly refused: number;
  readonly sentAgain: number;
  readonly confirmed: number;
  readonly rejected: number;
  readonly notified: number;
  readonly redelivered: number;
  readonly lost: number;
}

export function totalsOf({
  accepted,
  refused,
  sentAgain,
  orders,
  emails,
  redelivered,
}: Books): Totals {
  const statuses = [...accepted.keys()].map((id) => orders.get(id));
  const confirmed = statuses.filter((status) => status === 'confirmed').length;
  const rejected = statuses.filter((status) => status === 'rejected').length;
  return {
    placed: accepted.size,
    refused,
    sentAgain,
    confirmed,
    rejected,
    notified: new Set(emails.map(({ orderId }) => orderId)).size,
    redelivered,
    lost: accepted.size - confirmed - rejected,
  };
}
