import { Injectable, Logger } from '@nestjs/common';
import {
  bufferTime,
  concatMap,
  defer,
  filter,
  map,
  merge,
  type Observable,
  retry,
  share,
  startWith,
  Subject,
  switchMap,
  timer,
} from 'rxjs';
import type { ChangedOrders, OrderRow, Snapshot } from '../../browser/live-view.js';
import type { Order } from '../orders/order.js';
import { OrdersService } from '../orders/orders.service.js';

/** One event of the stream. */
export type OrdersEvent =
  | { readonly type: 'snapshot'; readonly data: Snapshot }
  | { readonly type: 'orders'; readonly data: ChangedOrders };

/** How many orders the page shows. */
const NEWEST = 1_000;
/** A rush changes thousands of orders: they go out together, each in its current state. */
const TOGETHER_WITHIN_MS = 100;
const LOOK_AGAIN_AFTER_MS = 1_000;

/**
 * The newest orders, as they are and as they change. An event only says which order to look at, so that it does not
 * matter in which order events come, or how often. Nothing is read while nobody watches.
 */
@Injectable()
export class LiveOrders {
  readonly #logger = new Logger(LiveOrders.name);
  readonly #changedIds = new Subject<string>();
  readonly #missed = new Subject<void>();
  readonly #changes: Observable<ChangedOrders>;

  constructor(private readonly orders: OrdersService) {
    this.#changes = this.#changedIds.pipe(
      bufferTime(TOGETHER_WITHIN_MS),
      filter((ids) => ids.length > 0),
      concatMap((ids) => this.#read(ids)),
      share(),
    );
  }

  /** An order has changed. */
  changed(id: string): void {
    this.#changedIds.next(id);
  }

  /** Changes may have been missed. */
  lookAgain(): void {
    this.#missed.next();
  }

  /** A snapshot, then what changes. A change may come before a snapshot that does not have it yet. */
  watch(): Observable<OrdersEvent> {
    const snapshots = this.#missed.pipe(
      startWith(undefined),
      switchMap(() => defer(() => this.#snapshot()).pipe(retry({ delay: () => this.#later() }))),
    );
    return merge(
      // First, so that nothing is missed while the snapshot is read.
      this.#changes.pipe(map((data): OrdersEvent => ({ type: 'orders', data }))),
      snapshots.pipe(map((data): OrdersEvent => ({ type: 'snapshot', data }))),
    );
  }

  async #snapshot(): Promise<Snapshot> {
    const { orders } = await this.orders.list(0, NEWEST);
    return { orders: orders.map(rowOf) };
  }

  async #read(ids: readonly string[]): Promise<ChangedOrders> {
    try {
      const orders = await Promise.all([...new Set(ids)].map((id) => this.orders.find(id)));
      return orders.filter((order) => order !== undefined).map(rowOf);
    } catch (error) {
      this.#logger.warn(`cannot read the orders that have changed: ${String(error)}`);
      this.#missed.next();
      return [];
    }
  }

  #later(): Observable<0> {
    return timer(LOOK_AGAIN_AFTER_MS);
  }
}

function rowOf({ id, status, placedAt, customer, lines, reason }: Order): OrderRow {
  const goods = lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ');
  return { id, status, placedAt, customer: customer.name, goods, reason };
}
