import type { Scene } from '../scene.js';
import { PAY_WITHIN_MS } from '../stage.js';
import { untilSettled } from '../settled.js';
import { waitUntil } from '../wait-until.js';
import { check } from '../unexpected.js';

const SKU = 'TEA-ASSAM-250';
const WITHIN_MS = 60_000;
const SECONDS = PAY_WITHIN_MS / 1_000;

/** Resolves with the id of the order that nobody will pay. */
export async function orderByTransfer(scene: Scene): Promise<string> {
  const { stage, customers, narrator, signal } = scene;
  narrator.begin(
    'Two customers order, and will pay by transfer',
    `Their goods are set aside, and a delayed message is sent for each, due in ${SECONDS} s. ` +
      'One customer pays: confirmed. The other one does not; the message stays in Redis, whatever dies from here on.',
  );
  const paid = await customers.order(SKU, 'transfer');
  const unpaid = await customers.order(SKU, 'transfer');
  stage.ledger.pending.add(unpaid);
  for (const id of [paid, unpaid]) {
    const isReserved = async (): Promise<boolean> =>
      (await stage.records.order(id, signal)).status === 'reserved';
    await waitUntil(`order ${id} to be reserved`, isReserved, { signal, withinMs: WITHIN_MS });
  }
  narrator.command(`curl -X POST ${stage.shop.address}/orders/${paid}/payment`);
  const answer = await fetch(`${stage.shop.address}/orders/${paid}/payment`, {
    method: 'POST',
    signal,
  });
  check(answer.status === 204, `the payment was answered with ${answer.status}`);
  stage.ledger.transfers.add(paid);
  await untilSettled(stage, signal);
  const { redis } = stage;
  const delayed = await redis.connection.zcard(`${redis.queuePrefix}:{order.unpaid}:delayed`);
  narrator.saw(`One confirmed, one reserved; ${delayed} delayed messages wait.`);
  return unpaid;
}

export async function cancelUnpaid(scene: Scene, unpaid: string): Promise<void> {
  const { stage, narrator, signal } = scene;
  narrator.begin(
    'An order is cancelled, since nobody has paid',
    `Order ${unpaid} is cancelled ${SECONDS} s after its goods were set aside, not sooner; its goods go back, ` +
      'and its customer is told. For the order that was paid, the message finds nothing to do.',
  );
  stage.ledger.pending.delete(unpaid);
  await untilSettled(stage, signal);
  const { status, placedAt, settledAt = '' } = await stage.records.order(unpaid, signal);
  check(status === 'cancelled', `it is ${status}`);
  const afterMs = Date.parse(settledAt) - Date.parse(placedAt);
  check(afterMs >= PAY_WITHIN_MS, `it was cancelled after ${afterMs} ms`);
  const isReleased = async (): Promise<boolean> =>
    (await stage.records.outcomes()).get(unpaid) === 'released';
  await waitUntil('the goods to be given back', isReleased, { signal, withinMs: WITHIN_MS });
  narrator.saw(
    `Cancelled ${(afterMs / 1_000).toFixed(1)} s after it was placed; its goods can be sold again.`,
  );
}
