import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConflictException, Logger, UnprocessableEntityException } from '@nestjs/common';
import { Redis } from 'ioredis';
import { redisUrl, type RedisUrl } from 'local-redis';
import { DeadLetter, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { OrderConfig } from '../config/order-config.js';
import type { Order, OrderContent } from './order.js';
import { OrderMessages } from './order-messages.js';
import { OrdersRepository } from './orders.repository.js';
import { OrdersService } from './orders.service.js';

const content: OrderContent = {
  customer: { name: 'Ольга "Оля" Ґудзь', email: 'olga@poshta.example' },
  lines: [{ sku: 'TEA-100', quantity: 2 }],
  payment: 'card',
  note: 'ring\ntwice',
};

let server: RedisUrl;
let redis: Redis;
let client: RedisQueueClient;
let prefix: string;
let config: OrderConfig;
let repository: OrdersRepository;
let service: OrdersService;

beforeEach(async () => {
  Logger.overrideLogger(false);
  prefix = `order-spec-${randomUUID()}`;
  server = await redisUrl();
  redis = new Redis(server.url);
  client = new RedisQueueClient({
    connection: server.url,
    prefix,
    declare: { 'order.settled': { groups: ['mail'] } },
  });
  config = new OrderConfig(server.url, { DATA_PREFIX: prefix, QUEUE_PREFIX: prefix });
  repository = new OrdersRepository(redis, config);
  service = new OrdersService(repository, new OrderMessages(client, config));
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

/** Messages as they stand in Redis: of one pattern, or of one pattern and group. */
function waiting(place = '{inventory.reserve}'): Promise<string[]> {
  return redis.lrange(`${prefix}:${place}:waiting`, 0, -1);
}

describe('placing an order', () => {
  test('stores it for good and puts it on the list of reservations', async () => {
    const { id } = await service.place(content);
    expect(await find(id)).toMatchObject({ id, status: 'accepted', ...content });
    expect(await redis.ttl(`${prefix}:{orders}:order:${id}`)).toBe(-1);
    const [element = ''] = await waiting();
    const [header = '', body = ''] = element.split('\n');
    expect(JSON.parse(header)).toMatchObject({ id });
    expect(JSON.parse(body)).toEqual({ orderId: id, lines: content.lines });
  });

  test('stores it even if the list cannot be reached, and passes it on later', async () => {
    const away = new RedisQueueClient({ connection: 'redis://127.0.0.1:1', connectTimeoutMs: 0 });
    const order = await new OrdersService(repository, new OrderMessages(away, config)).place(
      content,
    );
    await away.close();
    expect(order).toMatchObject({ status: 'placing', ...content });
    expect(await find(order.id)).toEqual(order);
    for await (const unfinished of service.unfinished()) await service.passOn(unfinished);
    expect(await find(order.id)).toEqual({ ...order, status: 'accepted' });
    expect(await waiting()).toHaveLength(1);
    expect(await repository.placing()).toEqual([]);
  });

  test('again with the same id is the same order, and one message', async () => {
    const id = randomUUID();
    const orders = await Promise.all([1, 2, 3].map(() => service.place(content, id)));
    await service.passOn(await find(id));
    expect(new Set(orders.map(({ placedAt }) => placedAt)).size).toBe(1);
    expect(await waiting()).toHaveLength(1);
    await service.settle(id, { status: 'confirmed' });
    expect(await service.place(content, id)).toMatchObject({ id, status: 'confirmed' });
  });

  test('with the id of another one is refused, and tells nothing of the other', async () => {
    const { id } = await service.place(content);
    const before = await find(id);
    const placing = service.place({ ...content, lines: [{ sku: 'TEA-100', quantity: 3 }] }, id);
    await expect(placing).rejects.toThrow(
      new UnprocessableEntityException(`${id} is the key of another order`),
    );
    expect(await find(id)).toEqual(before);
  });

  test('does not take back what an event has settled in the meantime', async () => {
    await repository.create({
      id: 'a',
      status: 'placing',
      placedAt: '2030-01-01T00:00:00Z',
      ...content,
    });
    await service.settle('a', { status: 'confirmed' });
    expect(await repository.placing()).toEqual([]);
    await repository.accept('a');
    expect(await find('a')).toMatchObject({ status: 'confirmed', reason: undefined });
  });
});

describe('an order whose goods are set aside', () => {
  const due = (): Promise<string[]> => redis.zrange(`${prefix}:{order.unpaid}:delayed`, 0, '-1');
  const told = (): Promise<string[]> => waiting('{order.settled}@mail');

  test('by card is charged with one message, however often it is told', async () => {
    const { id } = await service.place(content);
    await Promise.all([service.reserve(id), service.reserve(id)]);
    expect(await find(id)).toMatchObject({ status: 'reserved' });
    expect(await waiting('{payment.charge}')).toEqual([expect.stringContaining(id)]);
    expect(await due()).toEqual([]);
  });

  test('by transfer waits for its money, and for one message to the future', async () => {
    const { id } = await service.place({ ...content, payment: 'transfer' });
    await Promise.all([service.reserve(id), service.reserve(id)]);
    expect(await waiting('{payment.charge}')).toEqual([]);
    expect(await due()).toEqual([expect.stringContaining(id)]);

    await service.pay(await find(id));
    await service.cancelUnpaid(id);

    expect(await find(id)).toMatchObject({ status: 'confirmed', reason: undefined });
    expect(await told()).toHaveLength(1);
  });

  test('that is not paid is cancelled, and takes no money afterwards', async () => {
    const { id } = await service.place({ ...content, payment: 'transfer' });
    await service.reserve(id);
    await service.cancelUnpaid(id);
    expect(await find(id)).toMatchObject({ status: 'cancelled', reason: 'it was not paid' });
    await expect(service.pay(await find(id))).rejects.toThrow(ConflictException);
    await service.reserve(id); // the event comes again, late
    expect(await find(id)).toMatchObject({ status: 'cancelled' });
  });

  test('is told of again when it is settled again: the process before may have died in between', async () => {
    const { id } = await service.place(content);
    await repository.settle(id, { status: 'confirmed' });
    expect(await told()).toEqual([]);
    await service.settle(id, { status: 'confirmed' });
    expect(await told()).toEqual([expect.stringContaining(`"orderId":"${id}"`)]);
  });

  test('takes no money before', async () => {
    const order = await service.place({ ...content, payment: 'transfer' });
    await expect(service.pay(order)).rejects.toThrow('are not set aside yet');
  });

  test('and is unknown, or was rejected, leaves a dead letter with the reason', async () => {
    await expect(service.reserve('nobody')).rejects.toThrow(
      new DeadLetter('goods are set aside for order nobody, which is unknown'),
    );
    const { id } = await service.place(content);
    await service.settle(id, { status: 'rejected', reason: 'none left' });
    await expect(service.reserve(id)).rejects.toThrow(
      new DeadLetter(`goods are set aside for order ${id}, which is rejected`),
    );
    await expect(service.cancelUnpaid('nobody')).rejects.toThrow(DeadLetter);
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

  test('that is unknown, or was settled the other way, leaves a dead letter with the reason', async () => {
    await expect(service.settle('nobody', { status: 'confirmed' })).rejects.toThrow(
      new DeadLetter('order nobody cannot be confirmed: it is unknown'),
    );
    const { id } = await service.place(content);
    await service.settle(id, { status: 'confirmed' });
    await expect(service.settle(id, { status: 'rejected', reason: 'x' })).rejects.toThrow(
      new DeadLetter(`order ${id} was settled before and cannot be rejected`),
    );
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
