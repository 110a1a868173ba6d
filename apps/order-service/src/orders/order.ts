/**
 * placing: stored, not yet on the list; vanishes by itself if nobody comes back to it.
 * accepted: on the list, so that it will be settled. confirmed, rejected: settled, for good.
 * failed: the list could not be reached; settled all the same if the message got there.
 */
export type OrderStatus = 'placing' | 'accepted' | 'confirmed' | 'rejected' | 'failed';

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
  /** Why it was rejected or failed. */
  readonly reason?: string | undefined;
  readonly placedAt: string;
  readonly settledAt?: string | undefined;
}

export type Settlement =
  { readonly status: 'confirmed' } | { readonly status: 'rejected'; readonly reason: string };
