import { describeTally } from '../customers.js';
import { countHeldBy } from '../held-by.js';

import { RESERVE_QUEUE } from '../progress.js';
import type { Scene } from '../scene.js';
import { untilSettled } from '../settled.js';
import { LEASE_MS } from '../stage.js';
import { waitUntil } from '../wait-until.js';
import { check } from '../unexpected.js';

export async function killInventoryService(scene: Scene): Promise<void> {
  const { stage, customers, narrator, burst, signal } = scene;
  narrator.begin(
    `inventory-service is killed, while ${burst} more customers order`,
    'Nobody notices: orders are accepted, and their messages wait. When it is back, it takes those. What it held when ' +
      `it died is handed out again once its lease has ended, after ${LEASE_MS / 1_000} s.`,
  );
  const { redis, shop, records } = stage;
  const [victim] = shop.running('inventory-service');
  const pid = victim?.pid ?? 0;
  const held = (): Promise<number> => countHeldBy(redis, pid, RESERVE_QUEUE);
  const redeliveredBefore = await records.countRedelivered();

  const orders = customers.burst(burst);
  // A single held message may be done before the signal arrives.
  const isWorthIt = async (): Promise<boolean> => {
    const { accepted, refused, failed } = orders.tally;
    return (await held()) > 1 || accepted + refused + failed === orders.count;
  };
  await waitUntil('orders', isWorthIt, { signal, withinMs: Infinity, everyMs: 1 });
  narrator.command(`kill -9 ${pid}`);
  await shop.kill('inventory-service', victim);
  const heldMessages = await held();

  await orders.answered;
  check(orders.tally.failed === 0, `${orders.tally.failed} orders were not answered`);
  const waiting = await redis.connection.llen(`${redis.queuePrefix}:{${RESERVE_QUEUE}}:waiting`);
  const again = await shop.start('inventory-service');
  await untilSettled(stage, signal);
  const redelivered = (await records.countRedelivered()) - redeliveredBefore;
  check(redelivered >= heldMessages, `${redelivered} of ${heldMessages} were handed out again`);
  narrator.saw(
    `It held ${heldMessages} reservations, and ${waiting} more waited while it was dead. ${describeTally(orders.tally)}. ` +
      `Started again as pid ${again.pid}; ${redelivered} were handed out again, and all orders have ended.`,
  );
}
