import { setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { InventoryConfig } from '../config/inventory-config.js';

/**
 * Stands for the slow system that a real service would ask before it takes stock. It makes handlers last long enough to
 * be seen in Redis, and to be interrupted when the process is killed.
 */
@Injectable()
export class Warehouse {
  constructor(private readonly config: InventoryConfig) {}

  /** Rejects as soon as the signal fires: the message then belongs to another process. */
  async prepare(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.config.warehouseMs > 0) {
      await setTimeout(this.config.warehouseMs, undefined, { signal });
    }
  }
}
