export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
}

/** How an order ended here. Written once for each order; only goods that are set aside can still be given back. */
export type Reservation =
  | { readonly status: 'reserved' | 'released'; readonly lines: readonly OrderLine[] }
  | { readonly status: 'rejected'; readonly reason: string };

/** Somebody forgot to enter these items. That is not an end, since the order can be filled once they are entered. */
export interface UnknownItems {
  readonly status: 'unknown';
  readonly skus: readonly string[];
}
