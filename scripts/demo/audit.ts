import type { Books } from './books.js';
import { countOpen } from './queue-lengths.js';

/** One thing that does not balance, and the orders or items concerned. */
export interface Discrepancy {
  readonly what: string;
  readonly where: readonly string[];
}

/** Checks the books against each other. Returns nothing if they balance. */
export function audit(books: Books): Discrepancy[] {
  return [
    { what: 'facts cannot be read', where: books.unreadable },
    { what: 'orders got neither a 202 nor a 400', where: books.failures },
    ...settledOnce(books),
    ...paidOnce(books),
    ...writtenToOnce(books),
    ...stockAddsUp(books),
    ...queuesAreEmpty(books),
  ].filter(({ where }) => where.length > 0);
}

/** The outcomes of inventory-service in the words of order-service. */
const statusOfOutcome: ReadonlyMap<string, string> = new Map([
  ['reserved', 'confirmed'],
  ['rejected', 'rejected'],
  ['released', 'cancelled'],
]);

const ends: readonly string[] = [...statusOfOutcome.values()];

function settledOnce({ accepted, orders, outcomes }: Books): Discrepancy[] {
  const ids = [...accepted.keys()];
  const status = (id: string): string => orders.get(id) ?? 'unknown';
  const isSettled = (id: string): boolean => ends.includes(status(id));
  const settledStatus = (id: string): string | undefined =>
    statusOfOutcome.get(outcomes.get(id) ?? '');
  return [
    {
      what: 'accepted orders are not settled',
      where: ids.filter((id) => !isSettled(id)).map((id) => `${id} (${status(id)})`),
    },
    {
      what: 'orders are settled in another way than the stock says',
      where: ids
        .filter((id) => isSettled(id) && status(id) !== settledStatus(id))
        .map((id) => `${id} (${status(id)}, stock says ${outcomes.get(id) ?? 'nothing'})`),
    },
    {
      what: 'orders that were not accepted are in the stock',
      where: [...outcomes.keys()].filter((id) => !accepted.has(id)),
    },
    {
      what: 'orders that were not accepted are settled',
      where: [...orders.keys()].filter((id) => isSettled(id) && !accepted.has(id)),
    },
  ];
}

function paidOnce({ accepted, orders, charges, transfers }: Books): Discrepancy[] {
  const times = new Map<string, number>();
  for (const id of [...charges, ...transfers]) times.set(id, (times.get(id) ?? 0) + 1);
  const paid = [...times.keys()];
  return [
    {
      what: 'orders are confirmed and not paid',
      where: [...accepted.keys()].filter((id) => orders.get(id) === 'confirmed' && !times.has(id)),
    },
    {
      what: 'orders are paid more than once',
      where: paid.filter((id) => times.get(id) !== 1),
    },
    {
      what: 'orders are paid and not confirmed',
      where: paid
        .filter((id) => orders.get(id) !== 'confirmed')
        .map((id) => `${id} (${orders.get(id) ?? 'unknown'})`),
    },
  ];
}

function writtenToOnce({ accepted, orders, emails }: Books): Discrepancy[] {
  const outcomesByOrder = new Map<string, string[]>();
  for (const { orderId, outcome } of emails) {
    outcomesByOrder.set(orderId, [...(outcomesByOrder.get(orderId) ?? []), outcome]);
  }
  const ids = [...accepted.keys()];
  return [
    {
      what: 'accepted orders have no e-mail',
      where: ids.filter((id) => !outcomesByOrder.has(id)),
    },
    {
      what: 'orders have more than one e-mail',
      where: [...outcomesByOrder].filter(([, sent]) => sent.length > 1).map(([id]) => id),
    },
    {
      what: 'e-mails say something else than the order',
      where: ids.filter((id) => outcomesByOrder.get(id)?.some((said) => said !== orders.get(id))),
    },
    {
      what: 'e-mails are about orders that were not accepted',
      where: [...outcomesByOrder.keys()].filter((id) => !accepted.has(id)),
    },
  ];
}

function stockAddsUp({ accepted, orders, seeded, left }: Books): Discrepancy[] {
  const sold = new Map<string, number>();
  for (const [id, { lines }] of accepted) {
    if (orders.get(id) !== 'confirmed') continue;
    for (const { sku, quantity } of lines) {
      sold.set(sku, (sold.get(sku) ?? 0) + quantity);
    }
  }
  const skus = [...new Set([...seeded.keys(), ...left.keys(), ...sold.keys()])];
  const reserved = (sku: string): number => (seeded.get(sku) ?? 0) - (left.get(sku) ?? 0);
  return [
    {
      what: 'items have less than no stock',
      where: [...left].filter(([, units]) => units < 0).map(([sku, units]) => `${sku} (${units})`),
    },
    {
      what: 'items have another number of units reserved than sold',
      where: skus
        .filter((sku) => reserved(sku) !== (sold.get(sku) ?? 0))
        .map((sku) => `${sku} (${reserved(sku)} reserved, ${sold.get(sku) ?? 0} sold)`),
    },
  ];
}

function queuesAreEmpty({ queues }: Books): Discrepancy[] {
  return [
    {
      what: 'queues are not empty',
      where: queues
        .filter((lengths) => countOpen(lengths) + lengths.dead > 0)
        .map(
          ({ queue, waiting, suspects, processing, delayed, dead }) =>
            `${queue} (${waiting} waiting, ${suspects} suspects, ${processing} in processing, ${delayed} delayed, ${dead} dead)`,
        ),
    },
  ];
}
