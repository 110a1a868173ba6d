import { Controller, UseInterceptors } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { DeadLetter, RedisQueueClient, RedisQueueContext } from 'nestjs-redis-queue-transport';
import { CheckStockDto } from './dto/check-stock.dto.js';
import { OrderSettledDto } from './dto/order-settled.dto.js';
import { ReserveStockDto } from './dto/reserve-stock.dto.js';
import { RedeliveryInterceptor } from './redelivery.interceptor.js';
import type { Reservation } from './reservation.js';
import type { StockItem } from './stock-file.js';
import { StockRepository } from './stock.repository.js';
import { Warehouse } from './warehouse.js';

@Controller()
export class StockController {
  constructor(
    private readonly stock: StockRepository,
    private readonly warehouse: Warehouse,
    private readonly events: RedisQueueClient,
  ) {}

  /**
   * Comes at least once for each order. The event is sent again on a second delivery, because
   * the first process may have died after it took the stock and before it told anybody.
   */
  @MessagePattern('inventory.reserve')
  @UseInterceptors(RedeliveryInterceptor)
  async reserve(
    @Payload() { orderId, lines }: ReserveStockDto,
    @Ctx() context: RedisQueueContext,
  ): Promise<void> {
    await this.warehouse.prepare(context.getSignal());
    const reservation = await this.stock.reserve(orderId, lines);
    if (reservation.status === 'unknown') {
      // Retrying does not help. Enter the items, and then redrive the message.
      throw new DeadLetter(`not in the stock's books: ${reservation.skus.join(', ')}`);
    }
    await this.#announce(orderId, reservation);
  }

  /** A group of its own, beside the one that writes to the customer. */
  @EventPattern<string>('order.settled', { group: 'stock' })
  async settled(@Payload() { orderId, status }: OrderSettledDto): Promise<void> {
    if (status !== 'cancelled' || (await this.stock.release(orderId))) return;
    throw new DeadLetter(`nothing was set aside for order ${orderId}, which is cancelled`);
  }

  /** `null` says that there is no such item. */
  @MessagePattern('inventory.check')
  async check(@Payload() { sku }: CheckStockDto): Promise<{ sku: string; units: number } | null> {
    const units = await this.stock.unitsLeft(sku);
    return units === undefined ? null : { sku, units };
  }

  /** The whole stock, by SKU. */
  @MessagePattern('inventory.list')
  list(): Promise<StockItem[]> {
    return this.stock.all();
  }

  /**
   * Awaited, so that the message is not settled before Redis holds the event for all groups. If that fails, or if
   * nobody knows whether it did, the handler fails: the message comes again, and with it the event.
   */
  async #announce(orderId: string, reservation: Reservation): Promise<void> {
    const [event, data] =
      reservation.status === 'rejected'
        ? ['inventory.rejected', { orderId, reason: reservation.reason }]
        : ['inventory.reserved', { orderId }];
    // An outcome that nobody hears of is an error, not a success.
    await this.events.emit(event, data, { id: orderId, isMandatory: true });
  }
}
