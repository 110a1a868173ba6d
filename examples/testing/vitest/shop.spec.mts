import 'reflect-metadata';
import { RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InventoryModule } from '../shop/inventory.js';
import { Mailer, NotificationModule } from '../shop/notification.js';
import { OrdersModule } from '../shop/orders.js';

let kit: RedisQueueTestKit;

beforeEach(async () => {
  const connection = process.env['REDIS_URL'];
  kit = await RedisQueueTestKit.start({ connection, name: 'order', imports: [OrdersModule] });
});

afterEach(() => kit.close());

test('an order that is reserved is announced', async () => {
  await kit.fake({ 'inventory.reserve': () => true });
  expect(await kit.send('order.place', { id: 'a', sku: 'tea' })).toEqual({ reserved: true });
  await kit.settled();
  expect(kit.emitted('order.placed').only.data).toEqual({ id: 'a', sku: 'tea' });
});

test('a placed order is reserved, and its customer is told', async () => {
  const mails: string[] = [];
  const mailer = { send: (text: string) => void mails.push(text) };
  await kit.add({ name: 'inventory', imports: [InventoryModule] });
  await kit.add({
    name: 'notification',
    imports: [NotificationModule],
    override: (builder) => builder.overrideProvider(Mailer).useValue(mailer),
  });
  kit.crashNext('inventory.reserve');
  await kit.enqueue('order.place', { id: 'a', sku: 'tea' });
  await kit.settled();
  expect(kit.handled('inventory.reserve').only.app).toBe('inventory');
  expect(mails).toEqual(['Your order a is on its way.']);
});
