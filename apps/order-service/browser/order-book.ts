import type { OrderRow, OrderStatus } from './live-view.js';

export const statuses = [
  'placing',
  'accepted',
  'reserved',
  'confirmed',
  'rejected',
  'cancelled',
] as const satisfies readonly OrderStatus[];

/** How far an order has got. An order never goes back, so late news can be told from new. */
const progress: Readonly<Record<OrderStatus, number>> = {
  placing: 0,
  accepted: 1,
  reserved: 2,
  confirmed: 3,
  rejected: 3,
  cancelled: 3,
};

export function isSettled(status: OrderStatus): boolean {
  return progress[status] === 3;
}

/** As many as a snapshot has. */
const MOST = 1_000;

/** The newest orders that the page knows, the oldest first. */
export class OrderBook {
  #orders = new Map<string, OrderRow>();

  get orders(): Iterable<OrderRow> {
    return this.#orders.values();
  }

  find(id: string): OrderRow | undefined {
    return this.#orders.get(id);
  }

  /** Replaces what was known, except what is newer. */
  replace(newestFirst: readonly OrderRow[]): void {
    const known = this.#orders;
    this.#orders = new Map();
    this.add([...newestFirst].reverse().map((order) => later(known.get(order.id), order)));
    const newest = newestFirst[0]?.placedAt ?? '';
    this.add([...known.values()].filter(({ id, placedAt }) => placedAt > newest && !this.find(id)));
  }

  /** Orders that are new or have changed. */
  add(orders: readonly OrderRow[]): void {
    for (const order of orders) this.#orders.set(order.id, later(this.find(order.id), order));
    for (const id of this.#orders.keys()) {
      if (this.#orders.size <= MOST) return;
      this.#orders.delete(id);
    }
  }

  /** The newest first. */
  newest(count: number): OrderRow[] {
    return [...this.#orders.values()].slice(-count).reverse();
  }

  count(): Record<OrderStatus, number> {
    const counts = {
      placing: 0,
      accepted: 0,
      reserved: 0,
      confirmed: 0,
      rejected: 0,
      cancelled: 0,
    };
    for (const { status } of this.#orders.values()) counts[status] += 1;
    return counts;
  }
}

function later(known: OrderRow | undefined, told: OrderRow): OrderRow {
  return known !== undefined && progress[known.status] > progress[told.status] ? known : told;
}
