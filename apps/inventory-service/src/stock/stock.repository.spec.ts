import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisUrl, type RedisUrl } from 'local-redis';
import { InventoryConfig } from '../config/inventory-config.js';
import { StockRepository } from './stock.repository.js';

let server: RedisUrl;
let redis: Redis;
let prefix: string;
let stock: StockRepository;

beforeEach(async () => {
  prefix = `stock-spec-${randomUUID()}`;
  server = await redisUrl();
  redis = new Redis(server.url);
  stock = new StockRepository(redis, new InventoryConfig(server.url, { DATA_PREFIX: prefix }));
  await stock.addMissing([
    { sku: 'TEA', units: 5 },
    { sku: 'CUP', units: 1 },
    { sku: 'JAM', units: 0 },
  ]);
});

afterEach(async () => {
  await redis.del(await redis.keys(`${prefix}:*`));
  redis.disconnect();
  await server.stop();
});

async function left(): Promise<(number | undefined)[]> {
  return Promise.all(['TEA', 'CUP', 'JAM'].map((sku) => stock.unitsLeft(sku)));
}

describe('reserving', () => {
  test('takes the units of every line', async () => {
    const lines = [
      { sku: 'TEA', quantity: 2 },
      { sku: 'CUP', quantity: 1 },
    ];
    expect(await stock.reserve('a', lines)).toEqual({ status: 'reserved', lines });
    expect(await left()).toEqual([3, 0, 0]);
  });

  test('takes nothing if one line cannot be filled, and says which', async () => {
    const answer = await stock.reserve('a', [
      { sku: 'TEA', quantity: 2 },
      { sku: 'CUP', quantity: 2 },
      { sku: 'JAM', quantity: 1 },
    ]);
    expect(answer).toEqual({
      status: 'rejected',
      reason: '1 of CUP left, 2 wanted; 0 of JAM left, 1 wanted',
    });
    expect(await left()).toEqual([5, 1, 0]);
  });

  test('counts two lines of one item together', async () => {
    const lines = [
      { sku: 'TEA', quantity: 3 },
      { sku: 'TEA', quantity: 3 },
    ];
    expect(await stock.reserve('a', lines)).toMatchObject({ status: 'rejected' });
    expect(
      await stock.reserve('b', [...lines.slice(1), { sku: 'TEA', quantity: 2 }]),
    ).toMatchObject({ status: 'reserved' });
    expect(await left()).toEqual([0, 1, 0]);
  });

  test('waits for an item that is not in the books', async () => {
    const lines = [
      { sku: 'TEA', quantity: 2 },
      { sku: 'PEN', quantity: 1 },
    ];
    expect(await stock.reserve('a', lines)).toEqual({ status: 'unknown', skus: ['PEN'] });
    expect(await left()).toEqual([5, 1, 0]);
    await stock.addMissing([{ sku: 'PEN', units: 1 }]);
    expect(await stock.reserve('a', lines)).toEqual({ status: 'reserved', lines });
    expect(await left()).toEqual([3, 1, 0]);
  });

  test('again for the same order takes nothing and gets the first answer', async () => {
    const first = await stock.reserve('a', [{ sku: 'TEA', quantity: 4 }]);
    expect(await stock.reserve('a', [{ sku: 'TEA', quantity: 4 }])).toEqual(first);
    const rejected = await stock.reserve('b', [{ sku: 'TEA', quantity: 4 }]);
    await stock.addMissing([{ sku: 'TEA', units: 100 }]);
    expect(await stock.reserve('b', [{ sku: 'TEA', quantity: 4 }])).toEqual(rejected);
    expect(await left()).toEqual([1, 1, 0]);
  });

  test('by many at once never sells more than there is', async () => {
    const orders = Array.from({ length: 50 }, (_, index) =>
      stock.reserve(`order ${index}`, [{ sku: 'TEA', quantity: 1 }]),
    );
    const statuses = (await Promise.all(orders)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 'reserved')).toHaveLength(5);
    expect(await left()).toEqual([0, 1, 0]);
  });
});

describe('giving back', () => {
  test('adds what was taken once, however often it is asked', async () => {
    await stock.reserve('a', [{ sku: 'TEA', quantity: 4 }]);
    await Promise.all([stock.release('a'), stock.release('a')]);
    expect(await stock.release('a')).toBe(true);
    expect(await left()).toEqual([5, 1, 0]);
  });

  test('adds nothing for an order that took nothing, and knows one that it has not seen', async () => {
    await stock.reserve('a', [{ sku: 'TEA', quantity: 9 }]);
    expect(await stock.release('a')).toBe(true);
    expect(await stock.release('nobody')).toBe(false);
    expect(await left()).toEqual([5, 1, 0]);
  });

  test('is for good: a reservation that comes again afterwards takes nothing', async () => {
    const lines = [{ sku: 'TEA', quantity: 4 }];
    await stock.reserve('a', lines);
    await stock.release('a');
    expect(await stock.reserve('a', lines)).toEqual({ status: 'released', lines });
    expect(await left()).toEqual([5, 1, 0]);
  });
});

test('seeding again leaves what has been sold', async () => {
  await stock.reserve('a', [{ sku: 'TEA', quantity: 2 }]);
  await stock.addMissing([
    { sku: 'TEA', units: 5 },
    { sku: 'PEN', units: 7 },
  ]);
  expect(await stock.unitsLeft('TEA')).toBe(3);
  expect(await stock.unitsLeft('PEN')).toBe(7);
});

test('an item that nobody knows is not the same as one with none left', async () => {
  expect(await stock.unitsLeft('PEN')).toBeUndefined();
  expect(await stock.unitsLeft('JAM')).toBe(0);
});

test('the whole stock is listed by SKU', async () => {
  await stock.reserve('a', [{ sku: 'TEA', quantity: 2 }]);
  expect(await stock.all()).toEqual([
    { sku: 'CUP', units: 1 },
    { sku: 'JAM', units: 0 },
    { sku: 'TEA', units: 3 },
  ]);
});
