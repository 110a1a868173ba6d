import type { Order, OrderContent, OrderStatus } from './order.js';

/** An order as the fields of a Redis hash: each part that changes is a field, the rest is one JSON text. */
export function toRecord({
  id,
  status,
  placedAt,
  customer,
  lines,
  payment,
  note,
}: Order): Record<string, string> {
  const content: OrderContent = { customer, lines, payment, note };
  return { id, status, placedAt, content: JSON.stringify(content) };
}

/** Whether a customer sent the same thing twice. */
export function hasSameContent(first: Order, second: Order): boolean {
  return toRecord(first)['content'] === toRecord(second)['content'];
}

/** `undefined` for the empty hash, which is Redis's reply for a key that does not exist. */
export function fromRecord(record: Readonly<Record<string, string>>): Order | undefined {
  const { id, status, placedAt, content, reason, settledAt } = record;
  if (id === undefined || status === undefined || placedAt === undefined || content === undefined) {
    return undefined;
  }
  return {
    id,
    // Only this service writes the record.
    status: status as OrderStatus,
    reason,
    ...(JSON.parse(content) as OrderContent),
    placedAt,
    settledAt,
  };
}
