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
  /** How many; `undefined` for each order of the file once. */
  readonly orders: number | undefined;
  readonly display: Display;
  /** Gets a step for everything that is started; running them is the caller's. */
  readonly cleanup: Cleanup;
  /** Ends the run early: it rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Fires when what is being stopped should rather be killed. */
  readonly hurry: AbortSignal;
}

/** The orders of the file come in so many bursts. */
const BURSTS = 4;
const SHOW_EVERY_MS = 200;

/** Three minutes for what does not depend on the number of orders, and 50 orders a second. */
function timeFor(count: number): number {
  return 180_000 + count * 20;
}

/** One run, from the start of Redis to the audit. Leaves all running for who wants to look. */
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
    'Each accepted order has ended once. One that is confirmed took its goods and was paid once; none else has goods ' +
      'or money. Each customer was written to once. No queue holds anything.',
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

/** What the books should still be read after. Throws everything else. */
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
      // A look that fails shows nothing; whether that matters is found out by the steps themselves.
    }
    await setTimeout(SHOW_EVERY_MS, undefined, { signal: done }).catch(() => undefined);
  }
  display.end();
}
