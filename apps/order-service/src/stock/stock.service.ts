import {
  GatewayTimeoutException,
  Injectable,
  NotFoundException,
  ServiceUnavailableException,
} from '@nestjs/common';
import { RedisQueueClient, RequestTimeoutError } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';

export interface StockLevel {
  readonly sku: string;
  readonly units: number;
}

@Injectable()
export class StockService {
  constructor(private readonly inventory: RedisQueueClient) {}

  async check(sku: string): Promise<StockLevel> {
    const level = await this.#ask(sku);
    if (level === null) {
      throw new NotFoundException(`there is no item ${sku}`);
    }
    return level;
  }

  /** Asking is worthwhile only while somebody waits: the client has a deadline. */
  async #ask(sku: string): Promise<StockLevel | null> {
    try {
      return await firstValueFrom(
        this.inventory.send<StockLevel | null>('inventory.check', { sku }),
      );
    } catch (cause) {
      if (cause instanceof RequestTimeoutError) {
        throw new GatewayTimeoutException('inventory-service did not answer in time', { cause });
      }
      throw new ServiceUnavailableException('inventory-service cannot be asked now', { cause });
    }
  }
}
