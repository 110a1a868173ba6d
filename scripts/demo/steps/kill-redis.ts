import { describeTally } from '../customers.js';
import type { DemoServer } from '../demo-redis.js';

import type { Scene } from '../scene.js';
import { untilSettled } from '../settled.js';
import { waitUntil } from '../wait-until.js';
import { check } from '../unexpected.js';

/** Kills Redis, or only sells once more if it is not the demo's own. */
export async function killRedis(scene: Scene): Promise<void> {
  const { server } = scene.stage.redis;
  if (server === undefined) await spareRedis(scene);
  else await killServer(scene, server);
}

async function spareRedis({ stage, customers, narrator, burst, signal }: Scene): Promise<void> {
  narrator.begin(
    `Redis is not killed, and ${burst} more customers order`,
    'The Redis in REDIS_URL is yours. Unset REDIS_URL to see a Redis die.',
  );
  const orders = customers.burst(burst);
  await orders.answered;
  check(orders.tally.failed === 0, `${orders.tally.failed} orders were not answered`);
  await untilSettled(stage, signal);
  narrator.saw(`${describeTally(orders.tally)}; all have ended.`);
}

async function killServer(scene: Scene, server: DemoServer): Promise<void> {
  const { stage, customers, narrator, burst, signal } = scene;
  narrator.begin(
    `Redis is killed, while ${burst} more customers order`,
    'While it is dead, orders get 503, and are posted again. It starts with what it has written to disk and knows ' +
      'each accepted order, and both services go on by themselves.',
  );
  const { ledger, records, shop } = stage;
  const orders = customers.burst(burst);
  const some = (): boolean => {
    const { accepted, refused, failed } = orders.tally;
    return accepted + refused + failed >= orders.count / 4;
  };
  await waitUntil('orders', some, { signal, withinMs: Infinity, everyMs: 1 });
  narrator.command(`kill -9 ${server.pid}`);
  await server.kill();
  const acceptedBefore = [...ledger.accepted.keys()];

  let status = 0;
  const isRefused = async (): Promise<boolean> => {
    ({ status } = await fetch(`${shop.address}/orders`, { signal }));
    return status === 503;
  };
  await waitUntil('order-service to answer 503', isRefused, { signal, withinMs: 60_000 });
  await server.restart();

  await orders.answered;
  check(orders.tally.failed === 0, `${orders.tally.failed} orders were not answered`);
  await untilSettled(stage, signal);
  const known = await records.orderStatuses(signal);
  const lost = acceptedBefore.filter((id) => !known.has(id));
  check(lost.length === 0, `these orders were accepted and are unknown now: ${lost.join(', ')}`);
  narrator.saw(
    `Answered with ${status} while it was dead. Started again as pid ${server.pid}, it knows all ` +
      `${acceptedBefore.length} orders that were accepted before. ${describeTally(orders.tally)}; all have ended.`,
  );
}
