/**
 * placing: stored, and not yet known to be on the list of reservations; it is put there again until it is.
 * accepted: on the list, so that it will be settled. confirmed, rejected: settled, for good.
 */
export type OrderStatus = 'placing' | 'accepted' | 'confirmed' | 'rejected';

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
  readonly note?: string | undefined;
}

export interface Order extends OrderContent {
  readonly id: string;
  readonly status: OrderStatus;
  /** Why it was rejected. */
  readonly reason?: string | undefined;
  readonly placedAt: string;
  readonly settledAt?: string | undefined;
}

export type Settlement =
  { readonly status: 'confirmed' } | { readonly status: 'rejected'; readonly reason: string };
