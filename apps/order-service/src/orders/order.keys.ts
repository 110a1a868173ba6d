/** The keys of the orders. One hash tag, because one transaction touches two of them. */
export interface OrderKeys {
  /** Sorted set: order id by the time at which it was placed. */
  readonly index: string;
  /** Hash: one order. */
  readonly order: (id: string) => string;
}

export function orderKeys(dataPrefix: string): OrderKeys {
  return {
    index: `${dataPrefix}:{orders}:index`,
    order: (id) => `${dataPrefix}:{orders}:order:${id}`,
  };
}
