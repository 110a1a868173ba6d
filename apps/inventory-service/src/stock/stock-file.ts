import { readFile } from 'node:fs/promises';

export interface StockItem {
  readonly sku: string;
  readonly units: number;
}

/** Reads `[{ "sku": "TEA-100", "name": "…", "units": 40 }, …]`; refuses the file as a whole. */
export async function readStockFile(path: string): Promise<StockItem[]> {
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (!Array.isArray(content)) {
    throw new Error(`${path} must hold a JSON array of items`);
  }
  return content.map((item: unknown, index) => {
    if (!isStockItem(item)) {
      throw new Error(
        `${path}: item ${index + 1} needs a sku and a whole number of units from 0, got ${JSON.stringify(item)}`,
      );
    }
    return { sku: item.sku, units: item.units };
  });
}

function isStockItem(item: unknown): item is StockItem {
  if (typeof item !== 'object' || item === null) return false;
  const { sku, units } = item as Partial<Record<keyof StockItem, unknown>>;
  return typeof sku === 'string' && sku !== '' && Number.isSafeInteger(units) && Number(units) >= 0;
}
