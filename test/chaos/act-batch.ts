import { DeadLetter, RetryLater } from 'nestjs-redis-queue-transport';
import type { RedisQueueBatchContext, RedisQueueBatchItem } from 'nestjs-redis-queue-transport';
import type { JournalWriter } from '../support/journal.js';
import { begin, behave, databaseAway, failsWithDatabase, type Write } from './act.js';
import type { Work } from './settings.js';
import type { Switches } from './switches.js';

/** The share of finished messages that are settled before their batch ends. */
const SETTLED_EARLY = 0.3;
/** The share of batches that fail as a whole: so few that no message fails with others at each of its attempts. */
const FAILING_TOGETHER = 0.03;

/** Does what each message of a batch says. Settles those that fail, and some others, by themselves. */
export async function actOnBatch(
  works: readonly Work[],
  context: RedisQueueBatchContext,
  journal: JournalWriter,
  switches: Switches,
  batch: number,
): Promise<void> {
  const runs = works.map((work, index) => {
    const item = context.items[index]!; // one for each message
    return { work, item, write: begin(work, item, journal, batch) };
  });
  if (failsWithDatabase(works, context.getQueue(), switches)) throw databaseAway();
  const open = await Promise.all(runs.map((run) => staysOpen(run, switches)));
  const isHeld = works.some(({ behaviour }) => behaviour === 'hold');
  if (!isHeld && Math.random() < FAILING_TOGETHER) throw new Error('the batch fails');
  for (const [index, { write }] of runs.entries()) if (open[index]) write({ event: 'end' });
}

interface Run {
  readonly work: Work;
  readonly item: RedisQueueBatchItem;
  readonly write: Write;
}

/** Whether the message is settled by what becomes of its batch. */
async function staysOpen({ work, item, write }: Run, switches: Switches): Promise<boolean> {
  try {
    await behave(work.behaviour, item.getAttempt(), switches);
  } catch (error) {
    settle(item, error);
    return false;
  }
  if (work.behaviour === 'hold' || Math.random() >= SETTLED_EARLY) return true;
  write({ event: 'end' });
  item.done();
  return false;
}

function settle(item: RedisQueueBatchItem, error: unknown): void {
  if (error instanceof RetryLater) item.retryLater(error.delayMs);
  else if (error instanceof DeadLetter) item.deadLetter(error.message);
  else item.fail(error);
}
