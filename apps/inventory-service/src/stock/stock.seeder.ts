import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { InventoryConfig } from '../config/inventory-config.js';
import { readStockFile } from './stock-file.js';
import { StockRepository } from './stock.repository.js';

/** Fills an empty stock before the first message is taken. A restart changes nothing. */
@Injectable()
export class StockSeeder implements OnApplicationBootstrap {
  readonly #logger = new Logger(StockSeeder.name);

  constructor(
    private readonly stock: StockRepository,
    private readonly config: InventoryConfig,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const items = await readStockFile(this.config.stockFile);
    await this.stock.addMissing(items);
    this.#logger.log(`${items.length} items in ${this.config.stockFile}`);
  }
}
