import 'reflect-metadata';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import { OrdersModule } from '../shop/orders.js';
import type { Order } from '../shop/orders.js';

let kit: RedisQueueTestKit;

beforeEach(async () => {
  const connection = process.env['REDIS_URL'];
  kit = await RedisQueueTestKit.start({ connection, imports: [OrdersModule] });
});

afterEach(() => kit.close());

// #region fake
test('an order that is reserved is announced', async () => {
  await kit.fake({ 'inventory.reserve': () => true });
  await kit.enqueue('order.place', { id: 'a', sku: 'tea' });
  await kit.settled();
  expect(kit.emitted<Order>('order.placed').only.data).toEqual({ id: 'a', sku: 'tea' });
});
// #endregion fake

// #region other-side
test('nothing is announced before the order is reserved', async () => {
  const inventory = await kit.otherSideOf<Order, boolean>('inventory.reserve');
  await kit.enqueue('order.place', { id: 'a', sku: 'tea' });

  const request = await inventory.next();
  expect(request.data.sku).toBe('tea');
  expect(kit.emitted('order.placed')).toHaveLength(0);
  request.reply(true);

  await kit.settled();
  expect(kit.emitted('order.placed')).toHaveLength(1);
});
// #endregion other-side

// #region retry
test('an order is tried again if the inventory fails', async () => {
  await kit.fake({ 'inventory.reserve': () => true });
  kit.failNext('order.place', new Error('the database is away'));
  await kit.enqueue('order.place', { id: 'a', sku: 'tea' });
  await kit.settled({ advance: true }); // does not wait for the pause before the retry
  expect(kit.retried('order.place').only.error).toMatchObject({ message: 'the database is away' });
  expect(kit.handled('order.place').only).toMatchObject({ attempt: 2, result: { reserved: true } });
});
// #endregion retry

// #region dead-letter
test('an order of nothing is dead-lettered', async () => {
  await kit.enqueue('order.place', { id: 'a', sku: '' });
  await kit.settled();
  expect(kit.deadLettered('order.place').only).toMatchObject({
    reason: 'rejected',
    error: { message: 'an order of nothing' },
  });
});
// #endregion dead-letter
