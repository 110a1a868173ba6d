/** The keys of the stock. One hash tag, because one script touches several of them. */
export interface StockKeys {
  /** Hash: SKU → units that can still be sold. */
  readonly units: string;
  /** Hash: SKU → units that the stock began with; the books are checked against them. */
  readonly seeded: string;
  /** Hash: order id → its outcome as JSON. Makes reservations idempotent. */
  readonly outcomes: string;
  /** Hash: message id → how many times it was delivered again. A figure for the demo. */
  readonly redelivered: string;
}

export function stockKeys(dataPrefix: string): StockKeys {
  const key = (name: string): string => `${dataPrefix}:{stock}:${name}`;
  return {
    units: key('units'),
    seeded: key('seeded'),
    outcomes: key('outcomes'),
    redelivered: key('redelivered'),
  };
}
