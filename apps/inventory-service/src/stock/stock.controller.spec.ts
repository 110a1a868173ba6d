import 'reflect-metadata';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RedisQueueModule } from 'nestjs-redis-queue-transport';
import { RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import { RedeliveryInterceptor } from './redelivery.interceptor.js';
import type { OrderLine } from './reservation.js';
import { StockController } from './stock.controller.js';
import { StockRepository } from './stock.repository.js';
import { Warehouse } from './warehouse.js';

/** Books with one item. */
class Books {
  readonly reserved = new Set<string>();
  redelivered = 0;

  reserve(orderId: string, lines: readonly OrderLine[]): object {
    const unknown = lines.filter(({ sku }) => sku !== 'tea').map(({ sku }) => sku);
    if (unknown.length > 0) return { status: 'unknown', skus: unknown };
    this.reserved.add(orderId);
    return { status: 'reserved', lines };
  }

  countRedelivery(): void {
    this.redelivered += 1;
  }
}

let kit: RedisQueueTestKit;
let books: Books;

beforeEach(async () => {
  books = new Books();
  kit = await RedisQueueTestKit.start({
    imports: [RedisQueueModule.register({ server: {} })],
    controllers: [StockController],
    providers: [
      RedeliveryInterceptor,
      { provide: StockRepository, useValue: books },
      { provide: Warehouse, useValue: { prepare: () => undefined } },
    ],
  });
  // The order service, which is not here.
  await kit.admin.declare('inventory.reserved', { groups: ['order'] });
});

afterEach(() => kit.close());

const order = (sku: string): object => ({ orderId: 'a', lines: [{ sku, quantity: 1 }] });

test('a reservation is announced', async () => {
  await kit.enqueue('inventory.reserve', order('tea'));
  await kit.settled();
  expect(kit.emitted('inventory.reserved').only).toMatchObject({ id: 'a', data: { orderId: 'a' } });
});

test('a reservation is announced again if the process dies in between, and counted', async () => {
  kit.crashNext('inventory.reserve');
  await kit.enqueue('inventory.reserve', order('tea'));
  await kit.settled();
  expect(kit.emitted('inventory.reserved')).toHaveLength(2);
  expect(books).toMatchObject({ redelivered: 1, reserved: new Set(['a']) });
});

test('an item that is not in the books is dead-lettered at once', async () => {
  await kit.enqueue('inventory.reserve', order('gold'));
  await kit.settled();
  expect(kit.deadLettered('inventory.reserve').only).toMatchObject({
    attempt: 1,
    error: { message: "not in the stock's books: gold" },
  });
});
