import { setTimeout } from 'node:timers/promises';
import { audit, type Discrepancy } from './audit.js';
import { totalsOf } from './books.js';
import type { Cleanup } from './cleanup.js';
import type { Display } from './display.js';
import { cycleOrders, readOrderFile } from './order-file.js';
import { describeProgress, readProgress } from './progress.js';
import { readBooks } from './read-books.js';
import type { DemoResult } from './report.js';
import { untilSettled } from './settle.js';
import { setUpStage, type Stage } from './stage.js';
import { trade } from './trade.js';

export interface DemoRunOptions {
  /** How many; `undefined` for each order of the file once. */
  readonly orders: number | undefined;
  readonly display: Display;
  /** Gets a step for everything that is started; running them is the caller's. */
  readonly cleanup: Cleanup;
  /** Ends the run early: it rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

const SHOW_EVERY_MS = 200;

/** Two minutes for what does not depend on the number of orders, and 50 orders a second. */
function timeFor(count: number): number {
  return 120_000 + count * 20;
}

/** One run, from the start of Redis to the audit. Leaves all running for who wants to look. */
export async function runDemo(options: DemoRunOptions): Promise<DemoResult & { stage: Stage }> {
  const { display, cleanup } = options;
  const lines = await readOrderFile();
  const count = options.orders ?? lines.length;
  const crash = new AbortController();
  const deadline = AbortSignal.timeout(timeFor(count));
  const signal = AbortSignal.any([options.signal, crash.signal, deadline]);

  const stage = await setUpStage({
    rounds: Math.ceil(count / lines.length),
    display,
    cleanup,
    signal,
    onCrash: (error) => crash.abort(error),
  });
  const unfinished = await showingProgress(stage, count, display, async () => {
    try {
      await trade(stage, { orders: cycleOrders(lines, count), count, display, signal });
      return await untilSettled(stage, signal);
    } catch (error) {
      // What is still open, the audit says.
      if (error === deadline.reason) return `not done after ${timeFor(count) / 1_000} s`;
      throw error;
    }
  });
  const books = await readBooks(stage);
  return {
    totals: totalsOf(books),
    discrepancies: [...unfinishedWork(unfinished), ...audit(books)],
    stage,
  };
}

function unfinishedWork(unfinished: string | undefined): Discrepancy[] {
  return unfinished === undefined ? [] : [{ what: 'run did not finish', where: [unfinished] }];
}

async function showingProgress<T>(
  stage: Stage,
  count: number,
  display: Display,
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const showing = showProgress(stage, count, display, done.signal);
  try {
    return await work();
  } finally {
    done.abort();
    await showing;
    display.end();
  }
}

async function showProgress(
  stage: Stage,
  count: number,
  display: Display,
  done: AbortSignal,
): Promise<void> {
  const show = async (): Promise<void> =>
    display.update(describeProgress(await readProgress(stage), count));
  // A look that fails shows nothing; whether that matters is found out by the work itself.
  while (!done.aborted) {
    await show().catch(() => undefined);
    await setTimeout(SHOW_EVERY_MS, undefined, { signal: done }).catch(() => undefined);
  }
  await show().catch(() => undefined);
}
