import 'reflect-metadata';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import { InventoryController, Stock } from '../shop/inventory.js';

// #region handler
let kit: RedisQueueTestKit;

beforeEach(async () => {
  kit = await RedisQueueTestKit.start({
    connection: process.env['REDIS_URL'], // without one: in memory
    controllers: [InventoryController],
    providers: [Stock],
  });
});

afterEach(() => kit.close());

test('an order is reserved while there is stock', async () => {
  expect(await kit.send('inventory.reserve', { id: 'a', sku: 'tea' })).toBe(true);
  expect(await kit.send('inventory.reserve', { id: 'b', sku: 'tea' })).toBe(false);
});
// #endregion handler

// #region crash
test('an order is reserved once, even if the process dies before Redis knows', async () => {
  kit.crashNext('inventory.reserve');
  await kit.enqueue('inventory.reserve', { id: 'a', sku: 'tea' });
  await kit.settled();
  expect(kit.handled('inventory.reserve').only).toMatchObject({ attempt: 2, result: true });
});
// #endregion crash
