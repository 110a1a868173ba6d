/** What order-service sends the page: events of the stream `/live`, each with JSON of one of these types. */

export type OrderStatus =
  'placing' | 'accepted' | 'reserved' | 'confirmed' | 'rejected' | 'cancelled';

/** One order. */
export interface OrderRow {
  readonly id: string;
  readonly status: OrderStatus;
  readonly placedAt: string;
  readonly customer: string;
  readonly goods: string;
  /** Why it was rejected or cancelled. */
  readonly reason?: string | undefined;
}

/** Event `snapshot`: the newest orders, the newest first. Comes first, and again when something may have been missed. */
export interface Snapshot {
  readonly orders: readonly OrderRow[];
}

/** Event `orders`: the orders that have changed, as they are now. */
export type ChangedOrders = readonly OrderRow[];

/** Event `figures`, about once a second. */
export interface Figures {
  /** All orders, not only those on the page. */
  readonly placed: number;
  readonly placedPerSecond: number;
  readonly emails: EmailFigures;
  readonly queues: readonly QueueRow[];
  readonly deadLetters: readonly DeadLetterRow[];
  readonly stock: StockView;
  /** Undefined outside of the demo, where nobody starts and kills processes for the page. */
  readonly processes: readonly ProcessRow[] | undefined;
  /** Other views of the shop that this service serves. */
  readonly links: readonly PageLink[];
}

export interface PageLink {
  readonly path: string;
  readonly name: string;
}

export interface EmailFigures {
  readonly sent: number;
  readonly sentPerSecond: number;
  /** The newest first. */
  readonly newest: readonly EmailRow[];
}

export interface EmailRow {
  readonly orderId: string;
  readonly to: string;
  readonly subject: string;
}

export interface QueueRow {
  readonly queue: string;
  /** Those that were running when a process died count too. */
  readonly waiting: number;
  readonly processing: number;
  readonly delayed: number;
  readonly dead: number;
  readonly consumers: number;
}

export interface DeadLetterRow {
  readonly entry: string;
  readonly queue: string;
  readonly reason: string;
  readonly error: string;
  /** Its data as JSON, or the beginning of it. */
  readonly data: string;
  readonly deadAt: string;
}

/** The last answer of inventory-service. */
export interface StockView {
  readonly items: readonly StockRow[];
  /** Undefined if it has never answered. */
  readonly answeredAt: string | undefined;
  /** It did not answer when last asked. */
  readonly isStale: boolean;
}

export interface StockRow {
  readonly sku: string;
  readonly units: number;
}

/** A process of the demo. */
export interface ProcessRow {
  readonly service: 'order-service' | 'inventory-service';
  /** Undefined while it is starting. */
  readonly pid: number | undefined;
  /** It serves the page, and cannot be killed from it. */
  readonly servesPage: boolean;
}

/** Event `trouble`: why there are no figures now. */
export interface Trouble {
  readonly message: string;
}
