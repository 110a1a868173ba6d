import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Logger, ServiceUnavailableException } from '@nestjs/common';
import { Redis } from 'ioredis';
import { redisUrl, type RedisUrl } from 'local-redis';
import { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { OrderConfig } from '../config/order-config.js';
import type { Order, OrderContent } from './order.js';
import { OrdersRepository } from './orders.repository.js';
import { OrdersService } from './orders.service.js';

const content: OrderContent = {
  customer: { name: 'Ольга "Оля" Ґудзь', email: 'olga@poshta.example' },
  lines: [{ sku: 'TEA-100', quantity: 2 }],
  note: 'ring\ntwice',
};

let server: RedisUrl;
let redis: Redis;
let client: RedisQueueClient;
let prefix: string;
let repository: OrdersRepository;
let service: OrdersService;

beforeEach(async () => {
  Logger.overrideLogger(false);
  prefix = `order-spec-${randomUUID()}`;
  server = await redisUrl();
  redis = new Redis(server.url);
  client = new RedisQueueClient({ connection: server.url, prefix });
  repository = new OrdersRepository(
    redis,
    new OrderConfig(server.url, { DATA_PREFIX: prefix, QUEUE_PREFIX: prefix }),
  );
  service = new OrdersService(repository, client);
});

afterEach(async () => {
  await client.close();
  const keys = await redis.keys(`${prefix}:*`);
  if (keys.length > 0) await redis.del(keys);
  redis.disconnect();
  await server.stop();
});

async function find(id: string): Promise<Order> {
  const order = await service.find(id);
  if (order === undefined) throw new Error(`no order ${id}`);
  return order;
}

describe('placing an order', () => {
  test('stores it for good and puts it on the list of reservations', async () => {
    const { id } = await service.place(content);
    expect(await find(id)).toMatchObject({ id, status: 'accepted', ...content });
    expect(await redis.ttl(`${prefix}:{orders}:order:${id}`)).toBe(-1);
    const [element = ''] = await redis.lrange(`${prefix}:{inventory.reserve}:waiting`, 0, -1);
    const [header = '', body = ''] = element.split('\n');
    expect(JSON.parse(header)).toMatchObject({ id });
    expect(JSON.parse(body)).toEqual({ orderId: id, lines: content.lines });
  });

  test('answers 503 and leaves a failed order if the list cannot be reached', async () => {
    const away = new RedisQueueClient({ connection: 'redis://127.0.0.1:1', connectTimeoutMs: 0 });
    const placing = new OrdersService(repository, away).place(content);
    await expect(placing).rejects.toThrow(ServiceUnavailableException);
    const { orders } = await service.list(0, 10);
    expect(orders).toMatchObject([{ status: 'failed', reason: 'it could not be passed on' }]);
    await away.close();
  });

  test('does not take back what an event has settled in the meantime', async () => {
    const order: Order = {
      id: 'a',
      status: 'placing',
      placedAt: '2030-01-01T00:00:00Z',
      ...content,
    };
    await repository.create(order);
    await service.settle('a', { status: 'confirmed' });
    await repository.accept('a');
    await repository.fail('a', 'too late');
    expect(await find('a')).toMatchObject({ status: 'confirmed', reason: undefined });
    expect(await redis.ttl(`${prefix}:{orders}:order:a`)).toBe(-1);
  });
});

describe('an order that is being placed', () => {
  test('vanishes in the end if nobody comes back to it', async () => {
    await repository.create({
      id: 'a',
      status: 'placing',
      placedAt: '2030-01-01T00:00:00Z',
      ...content,
    });
    expect(await redis.ttl(`${prefix}:{orders}:order:a`)).toBeGreaterThan(0);
    await redis.del(`${prefix}:{orders}:order:a`);
    expect(await service.list(0, 10)).toEqual({ total: 1, orders: [] });
  });
});

describe('settling an order', () => {
  test('twice the same way changes nothing the second time', async () => {
    const { id } = await service.place(content);
    expect(await repository.settle(id, { status: 'rejected', reason: 'none left' })).toBe(
      'settled',
    );
    const before = await find(id);
    expect(await repository.settle(id, { status: 'rejected', reason: 'again' })).toBe('same');
    expect(await find(id)).toEqual(before);
  });

  test('the other way is refused', async () => {
    const { id } = await service.place(content);
    await repository.settle(id, { status: 'confirmed' });
    expect(await repository.settle(id, { status: 'rejected', reason: 'x' })).toBe('conflict');
    expect((await find(id)).status).toBe('confirmed');
  });

  test('works for one that seemed to have failed', async () => {
    await repository.create({
      id: 'a',
      status: 'placing',
      placedAt: '2030-01-01T00:00:00Z',
      ...content,
    });
    await repository.fail('a', 'no answer');
    await service.settle('a', { status: 'confirmed' });
    expect(await find('a')).toMatchObject({ status: 'confirmed', reason: undefined });
  });

  test('says so if there is no such order', async () => {
    expect(await repository.settle('nobody', { status: 'confirmed' })).toBe('unknown');
  });
});

test('the newest order is listed first', async () => {
  for (const [id, placedAt] of [
    ['first', '2030-01-01T00:00:00Z'],
    ['third', '2030-01-03T00:00:00Z'],
    ['second', '2030-01-02T00:00:00Z'],
  ] as const) {
    await repository.create({ id, status: 'placing', placedAt, ...content });
  }
  const page = await service.list(1, 2);
  expect(page.total).toBe(3);
  expect(page.orders.map(({ id }) => id)).toEqual(['second', 'first']);
});
