import { setTimeout } from 'node:timers/promises';
import { audit } from './audit.js';
import type { Cleanup } from './cleanup.js';
import { Customers } from './customers.js';
import type { Display } from './display.js';
import { Narrator } from './narrator.js';
import { cycleOrders, readOrderFile } from './order-file.js';
import { describeProgress, readProgress } from './progress.js';
import { readBooks } from './read-books.js';
import type { DemoResult } from './report.js';
import type { Scene } from './scene.js';
import { Unexpected } from './unexpected.js';
import { untilAllIsQuiet } from './settled.js';
import { setUpStage, type Stage } from './stage.js';
import { sellInPeace } from './steps/calm-day.js';
import { sendDeadLetterAgain } from './steps/dead-letter.js';
import { killInventoryService } from './steps/kill-inventory-service.js';
import { killOrderService } from './steps/kill-order-service.js';
import { killRedis } from './steps/kill-redis.js';
import { openShop } from './steps/open-shop.js';
import { cancelUnpaid, orderByTransfer } from './steps/transfer.js';

export interface DemoRunOptions {
  /** How many orders to post; `undefined` for each order of the file once. */
  readonly orders: number | undefined;
  readonly display: Display;
  /** Gets a step for everything that is started; the caller runs the steps. */
  readonly cleanup: Cleanup;
  /** Ends the run early: it rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** When it fires, processes that are being stopped are killed instead. */
  readonly hurry: AbortSignal;
}

/** In how many bursts the orders of the file come. */
const BURSTS = 4;
const SHOW_EVERY_MS = 200;

/** Three minutes for everything that does not depend on the number of orders, and a second for each 50 orders. */
function timeFor(count: number): number {
  return 180_000 + count * 20;
}

/** One run, from the start of Redis to the audit. Leaves everything running, for people who want to look. */
export async function runDemo(options: DemoRunOptions): Promise<DemoResult & { stage: Stage }> {
  const { display, cleanup, hurry } = options;
  const lines = await readOrderFile();
  const count = options.orders ?? lines.length;
  const crash = new AbortController();
  const deadline = AbortSignal.timeout(timeFor(count));
  const ending = AbortSignal.any([options.signal, crash.signal, deadline]);

  const stage = await setUpStage({
    rounds: Math.ceil(count / lines.length),
    cleanup,
    signal: ending,
    hurry,
    onCrash: (error) => crash.abort(error),
  });
  const end = new AbortController();
  const signal = AbortSignal.any([ending, end.signal]);
  const scene: Scene = {
    stage,
    customers: new Customers(stage.shop, stage.ledger, cycleOrders(lines, count), signal),
    narrator: new Narrator(display),
    burst: Math.ceil(count / BURSTS),
    signal,
  };
  const showing = showProgress(stage, display, signal);
  let unexpected: string | undefined;
  try {
    await tell(scene);
  } catch (error) {
    unexpected = whatIsUnexpected(error, deadline.reason, count);
    scene.narrator.sawInstead(unexpected);
  } finally {
    end.abort();
    await showing;
  }
  const { narrator } = scene;
  narrator.begin(
    'The books',
    'Each accepted order has ended once. Each confirmed order took its goods and was paid once; no other order has ' +
      'goods or money. Each customer got one e-mail. All queues are empty.',
  );
  const books = await readBooks(stage);
  const unfinished = unexpected === undefined ? [] : [unexpected];
  return {
    books,
    discrepancies: [
      { what: 'steps were not as expected', where: unfinished },
      ...audit(books),
    ].filter(({ where }) => where.length > 0),
    stage,
  };
}

/** Describes the failures after which the books should still be read. Throws all others. */
function whatIsUnexpected(error: unknown, late: unknown, count: number): string {
  if (error instanceof Unexpected) return error.message;
  if (error === late) return `it was not done after ${timeFor(count) / 1_000} s`;
  throw error;
}

async function tell(scene: Scene): Promise<void> {
  await openShop(scene);
  const unpaid = await orderByTransfer(scene);
  await sellInPeace(scene);
  await killOrderService(scene);
  await killInventoryService(scene);
  await killRedis(scene);
  await sendDeadLetterAgain(scene);
  await cancelUnpaid(scene, unpaid);
  await untilAllIsQuiet(scene.stage, scene.signal);
}

async function showProgress(stage: Stage, display: Display, done: AbortSignal): Promise<void> {
  while (!done.aborted) {
    try {
      display.update(describeProgress(await readProgress(stage)));
    } catch {
      // If a look fails, nothing is shown; the steps themselves find out whether that matters.
    }
    await setTimeout(SHOW_EVERY_MS, undefined, { signal: done }).catch(() => undefined);
  }
  display.end();
}
