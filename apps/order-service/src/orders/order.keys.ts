/** The keys of the orders. One hash tag, because one script touches several of them. */
export interface OrderKeys {
  /** Sorted set: order ids by the time at which they were placed. */
  readonly index: string;
  /** Sorted set: the same for orders that are not yet known to be on the list of reservations. */
  readonly placing: string;
  /** Hash: one order. */
  readonly order: (id: string) => string;
}

export function orderKeys(dataPrefix: string): OrderKeys {
  return {
    index: `${dataPrefix}:{orders}:index`,
    placing: `${dataPrefix}:{orders}:placing`,
    order: (id) => `${dataPrefix}:{orders}:order:${id}`,
  };
}
