import 'reflect-metadata';
import { afterEach, expect, test } from '@jest/globals';
import { RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import { InventoryModule } from '../shop/inventory.js';
import { Mailer, NotificationModule } from '../shop/notification.js';
import { OrdersModule } from '../shop/orders.js';

let kit: RedisQueueTestKit;

afterEach(() => kit.close());

// #region shop
test('a placed order is reserved, and its customer is told', async () => {
  const mails: string[] = [];
  const mailer = { send: (text: string) => void mails.push(text) };

  const connection = process.env['REDIS_URL'];
  kit = await RedisQueueTestKit.start({ connection, name: 'order', imports: [OrdersModule] });
  await kit.add({ name: 'inventory', imports: [InventoryModule] });
  await kit.add({
    name: 'notification',
    imports: [NotificationModule],
    override: (builder) => builder.overrideProvider(Mailer).useValue(mailer),
  });

  await kit.enqueue('order.place', { id: 'a', sku: 'tea' });
  await kit.settled({ withinMs: 2_000 });

  expect(kit.handled('inventory.reserve').only).toMatchObject({ app: 'inventory', result: true });
  expect(mails).toEqual(['Your order a is on its way.']);
});
// #endregion shop
