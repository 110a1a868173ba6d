import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';

import { RESERVE_QUEUE } from '../progress.js';
import type { Scene } from '../scene.js';
import { untilSettled } from '../settled.js';
import { enterItems } from '../stock.js';
import { waitUntil } from '../wait-until.js';
import { check } from '../unexpected.js';

/** An item that is not in the stock that comes with inventory-service. */
const NEW_ITEM = { sku: 'TEA-OOLONG-75', units: 25 };

/** One message that cannot be handled until somebody fixes the cause. */
export async function sendDeadLetterAgain(scene: Scene): Promise<void> {
  const { stage, customers, narrator, signal } = scene;
  narrator.begin(
    'A message cannot be handled, however often',
    `Somebody orders ${NEW_ITEM.sku}, which inventory-service does not know. The message becomes a dead letter ` +
      'with the reason; later orders pass it by. Once the item is entered, the dead letter is sent again, and the order ends well.',
  );
  const { redis, ledger } = stage;
  const admin = new RedisQueueAdmin({ connection: redis.url, prefix: redis.queuePrefix });
  try {
    const stuck = await customers.order(NEW_ITEM.sku, 'card');
    ledger.pending.add(stuck);
    let reasons: readonly string[] = [];
    const isDead = async (): Promise<boolean> => {
      const { letters } = await admin.deadLetters(RESERVE_QUEUE);
      reasons = letters.map(({ error }) => error.message);
      return reasons.length > 0;
    };
    await waitUntil('the dead letter', isDead, { signal, withinMs: 60_000 });
    await customers.order('TEA-ASSAM-250', 'card');
    await untilSettled(stage, signal);

    await enterItems(redis, [NEW_ITEM]);
    narrator.command(`await admin.redriveAll('${RESERVE_QUEUE}') // of RedisQueueAdmin`);
    const redriven = await admin.redriveAll(RESERVE_QUEUE);
    ledger.pending.delete(stuck);
    await untilSettled(stage, signal);
    const { status } = await stage.records.order(stuck, signal);
    check(status === 'confirmed', `the order is ${status}`);
    narrator.saw(
      `Dead letter: "${reasons.join('", "')}". A later order ended before it. ${redriven} sent again; its order is ${status}.`,
    );
  } finally {
    await admin.close();
  }
}
