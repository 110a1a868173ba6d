import type { Display } from './display.js';
import { sendOrders } from './order-sender.js';
import { countProcessing, readQueueLengths } from './queue-lengths.js';
import { isComplete, isIdle, readProgress, RESERVE_QUEUE } from './progress.js';
import type { ServiceName } from './shop.js';
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

/** Posts the orders, and meanwhile kills each service in turn and starts it again. */
export async function trade(stage: Stage, options: TradeOptions): Promise<void> {
  await Promise.all([post(stage, options), killInTurn(stage, options)]);
}

function post({ shop, ledger }: Stage, { orders, signal }: TradeOptions): Promise<void> {
  return sendOrders({
    addresses: () => shop.addresses,
    orders,
    concurrency: POST_CONCURRENCY,
    signal,
    onAnswer: (answer, times) => ledger.record(answer, times),
  });
}

async function killInTurn(stage: Stage, options: TradeOptions): Promise<void> {
  await killOrders(stage, options);
  await killInventory(stage, options);
}

/** While orders come in, and the outcomes of earlier ones are told. */
async function killOrders(stage: Stage, options: TradeOptions): Promise<void> {
  const { display, signal } = options;
  await killBusy(stage, options, 'order-service', options.count / 3);
  const haveCome = async (): Promise<boolean> =>
    (await countEvents(stage)) > 0 || isIdle(await readProgress(stage));
  await waitUntil('events', haveCome, { signal, withinMs: Infinity });
  display.note(
    `  inventory-service goes on; ${await countEvents(stage)} of its events wait already`,
  );
  await startAgain(stage, options, 'order-service');
}

/** With messages in its hands. */
async function killInventory(stage: Stage, options: TradeOptions): Promise<void> {
  await killBusy(stage, options, 'inventory-service', (options.count * 2) / 3);
  options.display.note(
    `  the ${await countHeld(stage)} messages it held are handed out again when its lease ends`,
  );
  await startAgain(stage, options, 'inventory-service');
}

/** When so many orders are answered, and inventory-service has its hands full. */
async function killBusy(
  stage: Stage,
  { count, display, signal }: TradeOptions,
  name: ServiceName,
  answered: number,
): Promise<void> {
  const { shop, ledger } = stage;
  const wait = { signal, withinMs: Infinity };
  await waitUntil('orders', () => ledger.answered >= answered, wait);
  await waitUntil('messages in processing', () => isWorthKilling(stage, count), {
    ...wait,
    everyMs: 1,
  });
  const pid = shop.running(name)[0]?.pid;
  await shop.kill(name);
  display.note(`kill -9 ${pid}: ${name} is gone`);
}

/** When messages are held; or, of very few orders, when there is nothing left to wait for. */
async function isWorthKilling(stage: Stage, count: number): Promise<boolean> {
  if ((await countHeld(stage)) > 0) return true;
  return stage.ledger.answered === count && isComplete(await readProgress(stage));
}

async function startAgain(
  { shop }: Stage,
  { display }: TradeOptions,
  name: ServiceName,
): Promise<void> {
  const { pid, address } = await shop.start(name);
  const where = address === '' ? '' : `${address}, `;
  display.note(`${name.padEnd(18)} ${where}pid ${pid}, started again`);
}

function countHeld({ redis }: Stage): Promise<number> {
  return countProcessing(redis.connection, redis.queuePrefix, RESERVE_QUEUE);
}

/** The queues of groups have names that begin so. */
async function countEvents({ redis }: Stage): Promise<number> {
  const queues = await readQueueLengths(redis.connection, redis.queuePrefix);
  return queues
    .filter(({ queue }) => queue.startsWith('@'))
    .reduce((sum, { waiting }) => sum + waiting, 0);
}
