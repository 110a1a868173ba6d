import { expect, jest, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { audit } from '../../scripts/demo/audit.js';
import { totalsOf } from '../../scripts/demo/books.js';
import { sendOrders } from '../../scripts/demo/order-sender.js';
import { readBooks } from '../../scripts/demo/read-books.js';
import type { ServiceName } from '../../scripts/demo/shop.js';
import { eventually } from '../support/eventually.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { ShopRig } from '../support/shop-rig.js';

const KILLS = 6;
const ORDERS_PER_KILL = 40;

jest.setTimeout(timeFor(KILLS, 240_000));

test(`two replicas of each service are killed one after the other at any moment: each order is settled, filled and written about once (seed ${SEED})`, async () => {
  const random = randomNumbers(SEED);
  const kills = rounds(KILLS);
  // Not enough cups for all, so that orders are rejected too; slow enough to be hit.
  const rig = await ShopRig.open(
    { CUP: kills * ORDERS_PER_KILL * 0.6, TEA: kills * ORDERS_PER_KILL * 4 },
    { WAREHOUSE_MS: '20', PAYMENT_FAILS_EVERY: '5' },
  );
  try {
    await rig.shop.open(2);
    const { stage } = rig;
    const orders = Array.from({ length: kills * ORDERS_PER_KILL }, () =>
      JSON.stringify({
        customer: { name: 'Ada', email: 'ada@example.com' },
        lines: [{ sku: random() < 0.5 ? 'CUP' : 'TEA', quantity: 1 + Math.floor(random() * 3) }],
      }),
    );
    const sending = sendOrders({
      addresses: () => rig.shop.addresses,
      orders,
      concurrency: 4,
      signal: new AbortController().signal,
      onAnswer: (answer, times) => stage.ledger.record(answer, times),
    });
    for (let round = 0; round < kills; round += 1) {
      const many = Math.floor((round + random()) * ORDERS_PER_KILL);
      await eventually(() => expect(stage.ledger.answered).toBeGreaterThanOrEqual(many), 60_000);
      const name: ServiceName = random() < 0.5 ? 'order-service' : 'inventory-service';
      await rig.shop.kill(name, rig.shop.running(name)[random() < 0.5 ? 0 : 1]);
      await rig.shop.start(name);
    }
    await sending;

    const admin = new RedisQueueAdmin({ connection: rig.redis.url });
    try {
      await eventually(async () => {
        // A message that too many killed processes held waits for an operator to send it again.
        for (const queue of await admin.queues()) await admin.redriveAll(queue);
        expect(audit(await readBooks(stage))).toEqual([]);
      }, 60_000);
    } finally {
      await admin.close();
    }
    expect(totalsOf(await readBooks(stage))).toMatchObject({ placed: orders.length, lost: 0 });
  } finally {
    await rig.close();
  }
});
