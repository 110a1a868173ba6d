import 'reflect-metadata';
import { afterEach, expect, test } from '@jest/globals';
import { RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import { InventoryModule } from '../shop/inventory.js';
import { Mailer, NotificationModule } from '../shop/notification.js';
import { OrdersModule } from '../shop/orders.js';

let kit: RedisQueueTestKit;

afterEach(() => kit.close());

test('a reserved order sends mail, as the test kit waits for it', async () => {
  const mails: string[] = [];
  const mailer = { send: (text: string) => void mails.push(text) };
  kit = await RedisQueueTestKit.start({
    connection: process.env['REDIS_URL'],
    imports: [OrdersModule],
  });
  await kit.add({ imports: [InventoryModule] });
  await kit.add({
    imports: [NotificationModule],
    override: (builder) => builder.overrideProvider(Mailer).useValue(mailer),
  });

  // #region settled
  kit.failNext('order.place', new Error('the database is away'));
  await kit.enqueue('order.place', { id: 'a', sku: 'tea' });
  await kit.settled({ advance: true }); // the retry, the reservation, the event and the mail
  expect(mails).toEqual(['Your order a is on its way.']);
  // #endregion settled
});
