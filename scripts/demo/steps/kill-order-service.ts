import { describeTally } from '../customers.js';
import { countHeldBy } from '../held-by.js';

import type { Scene } from '../scene.js';
import { untilSettled } from '../settled.js';
import { LEASE_MS } from '../stage.js';
import { waitUntil } from '../wait-until.js';
import { check } from '../unexpected.js';

export async function killOrderService(scene: Scene): Promise<void> {
  const { stage, customers, narrator, burst, signal } = scene;
  narrator.begin(
    `A replica of order-service is killed, while ${burst} more customers order`,
    'The other replica goes on with all that the service does. Customers who get no answer post again with the same ' +
      `key: it stays one order. What the dead one held is handed out again when its lease ends, after ${LEASE_MS / 1_000} s.`,
  );
  const { redis, shop } = stage;
  const [victim] = shop.running('order-service');
  const pid = victim?.pid ?? 0;
  const held = (): Promise<number> => countHeldBy(redis, pid);

  const orders = customers.burst(burst);
  // While it holds something, if that can be seen while they order.
  const isWorthIt = async (): Promise<boolean> => {
    const { accepted, refused, failed } = orders.tally;
    const answered = accepted + refused + failed;
    return answered === orders.count || (answered > orders.count / 4 && (await held()) > 0);
  };
  await waitUntil('orders', isWorthIt, { signal, withinMs: Infinity, everyMs: 1 });
  narrator.command(`kill -9 ${pid}`);
  await shop.kill('order-service', victim);
  const heldMessages = await held();

  await orders.answered;
  check(orders.tally.failed === 0, `${orders.tally.failed} orders were not answered`);
  const again = await shop.start('order-service');
  await untilSettled(stage, signal);
  narrator.saw(
    `It held ${heldMessages} messages. ${describeTally(orders.tally)}; all have ended. ` +
      `Started again as pid ${again.pid}, ${again.address}.`,
  );
}
