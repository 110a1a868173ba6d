export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
}

/** How an order ended here. Written once for each order and never changed. */
export type Reservation =
  | { readonly status: 'reserved'; readonly lines: readonly OrderLine[] }
  | { readonly status: 'rejected'; readonly reason: string };
