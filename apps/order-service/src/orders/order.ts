/**
 * placing: stored, and not yet known to be on the list of reservations; it is put there again until it is.
 * accepted: on the list, so that its goods will be set aside, or it will be rejected.
 * reserved: its goods are set aside; now it has to be paid.
 * confirmed, rejected, cancelled: settled, for good.
 */
export type OrderStatus =
  'placing' | 'accepted' | 'reserved' | 'confirmed' | 'rejected' | 'cancelled';

/** A card is charged as soon as the goods are set aside. For a transfer, the shop waits a while. */
export type Payment = 'card' | 'transfer';

export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
}

export interface Customer {
  readonly name: string;
  readonly email: string;
}

/** What the customer sent. */
export interface OrderContent {
  readonly customer: Customer;
  readonly lines: readonly OrderLine[];
  readonly payment: Payment;
  readonly note?: string | undefined;
}

export interface Order extends OrderContent {
  readonly id: string;
  readonly status: OrderStatus;
  /** Why it was rejected or cancelled. */
  readonly reason?: string | undefined;
  readonly placedAt: string;
  readonly settledAt?: string | undefined;
}

/** How an order ends. */
export type Settlement =
  | { readonly status: 'confirmed' }
  | { readonly status: 'rejected' | 'cancelled'; readonly reason: string };
