import type { Discrepancy } from './audit.js';
import type { Totals } from './books.js';

export interface DemoResult {
  readonly totals: Totals;
  readonly discrepancies: readonly Discrepancy[];
}

const MAX_LISTED = 50;

const labels: Readonly<Record<keyof Totals, string>> = {
  placed: 'placed',
  refused: 'refused as invalid',
  sentAgain: 'sent again for want of an answer',
  confirmed: 'confirmed',
  rejected: 'rejected for stock',
  notified: 'notified',
  redelivered: 'reservations handed out again',
  lost: 'lost',
};

export function table(totals: Totals): string {
  // The record has exactly these keys, in this order.
  const keys = Object.keys(labels) as (keyof Totals)[];
  return keys
    .map((key) => `${labels[key].padEnd(32)}${String(totals[key]).padStart(8)}\n`)
    .join('');
}

export function jsonLine({ totals, discrepancies }: DemoResult): string {
  return `${JSON.stringify({ ...totals, balanced: discrepancies.length === 0 })}\n`;
}

export function verdict(discrepancies: readonly Discrepancy[]): string {
  if (discrepancies.length === 0) {
    return (
      'The books balance: every accepted order was settled once and its customer written to once,\n' +
      'the units reserved are the units sold, and nothing is left in a queue.\n'
    );
  }
  return `The books do not balance:\n${discrepancies.map(describe).join('')}`;
}

function describe({ what, where }: Discrepancy): string {
  const listed = where.slice(0, MAX_LISTED).map((item) => `    ${item}\n`);
  const more = where.length - listed.length;
  return `  ${where.length} ${what}:\n${listed.join('')}${more > 0 ? `    and ${more} more\n` : ''}`;
}
