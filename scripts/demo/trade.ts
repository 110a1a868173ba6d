import type { Display } from './display.js';
import { sendOrders } from './order-sender.js';
import { countProcessing } from './queue-lengths.js';
import { isComplete, readProgress, RESERVE_QUEUE } from './progress.js';
import type { Stage } from './stage.js';
import { waitUntil } from './wait-until.js';

export interface TradeOptions {
  readonly orders: Iterable<string>;
  /** How many `orders` there are. */
  readonly count: number;
  readonly display: Display;
  readonly signal: AbortSignal;
}

/** Requests open at a time: more orders come than inventory-service can handle at once. */
const POST_CONCURRENCY = 16;

/** Posts the orders, and meanwhile kills inventory-service and starts it again. */
export async function trade(stage: Stage, options: TradeOptions): Promise<void> {
  await Promise.all([post(stage, options), killHalfWay(stage, options)]);
}

function post({ shop, ledger }: Stage, { orders, signal }: TradeOptions): Promise<void> {
  return sendOrders({
    address: shop.address,
    orders,
    concurrency: POST_CONCURRENCY,
    signal,
    onAnswer: (answer) => ledger.record(answer),
  });
}

async function killHalfWay(stage: Stage, { count, display, signal }: TradeOptions): Promise<void> {
  const { shop, ledger } = stage;
  const wait = { signal, withinMs: Infinity };
  await waitUntil('half of the orders', () => ledger.answered >= count / 2, wait);
  await waitUntil('messages in processing', () => isWorthKilling(stage, count), {
    ...wait,
    everyMs: 1,
  });
  const pid = shop.inventoryPid;
  await shop.killInventory();
  const held = await countHeld(stage);
  display.note(
    `kill -9 ${pid}: inventory-service is gone; the ${held} messages it held come back when its lease ends`,
  );
  await shop.startInventory();
  display.note(`inventory-service  pid ${shop.inventoryPid}, started again`);
}

/** When it holds messages; or, of very few orders, when there is nothing left to wait for. */
async function isWorthKilling(stage: Stage, count: number): Promise<boolean> {
  if ((await countHeld(stage)) > 0) return true;
  return stage.ledger.answered === count && isComplete(await readProgress(stage));
}

function countHeld({ redis }: Stage): Promise<number> {
  return countProcessing(redis.connection, redis.queuePrefix, RESERVE_QUEUE);
}
