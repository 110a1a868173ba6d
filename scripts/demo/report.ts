import type { Discrepancy } from './audit.js';
import { totalsOf, type Books } from './books.js';

export interface DemoResult {
  readonly books: Books;
  readonly discrepancies: readonly Discrepancy[];
}

const MAX_LISTED = 50;

/** Each row is a way in which an order ends; each column is somebody who keeps books of it. */
const ends = [
  { status: 'confirmed', outcome: 'reserved' },
  { status: 'rejected', outcome: 'rejected' },
  { status: 'cancelled', outcome: 'released' },
];

export function table(books: Books): string {
  const { accepted, orders, outcomes, charges, transfers, emails } = books;
  const payments = [...charges, ...transfers];
  const rows = ends.map(({ status, outcome }) => [
    status,
    [...accepted.keys()].filter((id) => orders.get(id) === status).length,
    [...outcomes.values()].filter((stored) => stored === outcome).length,
    payments.filter((id) => orders.get(id) === status).length,
    emails.filter((email) => email.outcome === status).length,
  ]);
  const all = [accepted.size, outcomes.size, payments.length, emails.length];
  return [['', 'orders', 'stock', 'payments', 'e-mails'], ...rows, ['accepted', ...all]]
    .map(
      ([name, ...cells]) =>
        `${String(name).padEnd(11)}${cells.map((cell) => String(cell).padStart(10)).join('')}\n`,
    )
    .join('');
}

export function footnotes(books: Books): string {
  const { refused, sentAgain, redelivered, chargeCalls, paid, lost } = totalsOf(books);
  return (
    `${refused} orders refused as invalid, ${sentAgain} posted again because there was no answer, ` +
    `${redelivered} reservations handed out again,\n` +
    `${chargeCalls} calls to the payment provider, ${paid} orders paid; ${lost} orders lost.\n`
  );
}

export function jsonLine({ books, discrepancies }: DemoResult): string {
  return `${JSON.stringify({ ...totalsOf(books), balanced: discrepancies.length === 0 })}\n`;
}

export function verdict(discrepancies: readonly Discrepancy[]): string {
  if (discrepancies.length === 0) {
    return (
      'The books balance: every accepted order has ended once and its customer got one e-mail,\n' +
      'the units reserved are the units sold and paid, and nothing is left in a queue.\n'
    );
  }
  return `The books do not balance:\n${discrepancies.map(describe).join('')}`;
}

function describe({ what, where }: Discrepancy): string {
  const listed = where.slice(0, MAX_LISTED).map((item) => `    ${item}\n`);
  const more = where.length - listed.length;
  return `  ${where.length} ${what}:\n${listed.join('')}${more > 0 ? `    and ${more} more\n` : ''}`;
}
