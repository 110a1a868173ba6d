import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { HealthCheckResult } from '@nestjs/terminus';
import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { ShopRig } from '../support/shop-rig.js';

// Two services are started, and Redis is away for longer than they tolerate.
jest.setTimeout(180_000);

const SERVICES = ['order-service', 'inventory-service'] as const;
/** Trouble is tolerated for ten seconds, and noticed within seven. */
const WITHIN_MS = 30_000;

let rig: ShopRig | undefined;

afterEach(async () => {
  rig?.redis.resume();
  await rig?.close();
  rig = undefined;
});

async function open(reach?: Parameters<typeof ShopRig.open>[2]): Promise<ShopRig> {
  rig = await ShopRig.open({ 'TEA-ASSAM-250': 10 }, {}, reach);
  await rig.shop.open();
  await expectAll('ready', 200, 'ok');
  return rig;
}

async function probe(address: string, which: string): Promise<[number, string]> {
  const response = await fetch(`${address}/health/${which}`);
  return [response.status, ((await response.json()) as HealthCheckResult).status];
}

/** What both services return. */
async function expectAll(which: 'live' | 'ready', http: number, status: string): Promise<void> {
  for (const name of SERVICES) {
    const address = rig?.shop.running(name)[0]?.address ?? '';
    await eventually(
      async () => expect([name, ...(await probe(address, which))]).toEqual([name, http, status]),
      WITHIN_MS,
    );
  }
}

async function expectNotReady(): Promise<void> {
  await expectAll('ready', 503, 'error');
  await expectAll('live', 200, 'ok');
}

describe('both services of the demo are alive and not ready', () => {
  test('while Redis is stopped (SIGSTOP)', async () => {
    const { redis } = await open();
    redis.pause();
    await expectNotReady();
    redis.resume();
    await expectAll('ready', 200, 'ok');
  });

  test('while Redis is dead', async () => {
    const { redis } = await open();
    await redis.kill();
    await expectNotReady();
    await redis.restart();
    await expectAll('ready', 200, 'ok');
  });

  test('while Redis is full', async () => {
    const { commands } = await open();
    await commands.config('SET', 'maxmemory', '1');
    await expectNotReady();
    await commands.config('SET', 'maxmemory', '0');
    await expectAll('ready', 200, 'ok');
  });

  test('while their Redis user lacks a permission', async () => {
    const { commands } = await open(async (redis) => {
      const admin = new Redis(redis.url);
      await admin.call('ACL', 'SETUSER', 'shop', 'on', '>pw', '~*', '&*', '+@all');
      admin.disconnect();
      return `redis://shop:pw@127.0.0.1:${redis.port}`;
    });
    await commands.call('ACL', 'SETUSER', 'shop', '-blmove');
    await expectNotReady();
    await commands.call('ACL', 'SETUSER', 'shop', '+@all');
    await expectAll('ready', 200, 'ok');
  });
});
