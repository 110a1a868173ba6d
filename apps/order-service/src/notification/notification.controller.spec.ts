import 'reflect-metadata';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import type { Order } from '../orders/order.js';
import { OrdersService } from '../orders/orders.service.js';
import type { Email } from './email.js';
import { MailProvider } from './mail-provider.js';
import { NotificationController } from './notification.controller.js';
import { NotificationService } from './notification.service.js';

const order: Order = {
  id: 'a',
  status: 'confirmed',
  placedAt: '2026-01-01T00:00:00.000Z',
  settledAt: '2026-01-01T00:00:01.000Z',
  customer: { name: 'Ada', email: 'ada@example.com' },
  lines: [{ sku: 'tea', quantity: 1 }],
  payment: 'card',
};

let kit: RedisQueueTestKit;
let sent: Map<string, Email>;

beforeEach(async () => {
  sent = new Map();
  const orders = { find: (id: string) => (id === order.id ? order : undefined) };
  const mail = { send: (email: Email, key: string) => void sent.set(key, email) };
  kit = await RedisQueueTestKit.start({
    controllers: [NotificationController],
    providers: [
      NotificationService,
      { provide: OrdersService, useValue: orders },
      { provide: MailProvider, useValue: mail },
    ],
  });
});

afterEach(() => kit.close());

test('a customer gets an e-mail, and the same one again if the process dies before Redis knows', async () => {
  kit.crashNext('order.settled');
  await kit.emit('order.settled', { orderId: 'a' });
  await kit.settled();
  expect(kit.handled('order.settled').only.attempt).toBe(2);
  expect([...sent.keys()]).toEqual(['a']);
});

test('an e-mail that cannot be sent is tried again', async () => {
  kit.failNext('order.settled', new Error('the mail server is busy'));
  await kit.emit('order.settled', { orderId: 'a' });
  await kit.settled({ advance: true });
  expect(kit.retried('order.settled')).toHaveLength(1);
  expect(sent.get('a')).toMatchObject({ to: 'ada@example.com' });
});

test('the event of an order that nobody knows is dead-lettered', async () => {
  await kit.emit('order.settled', { orderId: 'b' });
  await kit.settled();
  expect(kit.deadLettered('order.settled').only).toMatchObject({
    queue: '@notifications/order.settled',
    reason: 'rejected',
    attempt: 1,
  });
});
