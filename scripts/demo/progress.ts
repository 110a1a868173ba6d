import { countProcessing } from './queue-lengths.js';
import type { Stage } from './stage.js';

/** How far the orders are, at one moment. */
export interface Progress {
  readonly answered: number;
  readonly accepted: number;
  readonly refused: number;
  /** Orders with an outcome in the stock. */
  readonly decided: number;
  readonly emails: number;
  readonly waiting: number;
  /** Taken by a live consumer and not yet settled. */
  readonly processing: number;
  /** Waits for another attempt. */
  readonly delayed: number;
  /** Was running when a process died, and waits to be run again. */
  readonly suspects: number;
}

/** The queue that all orders go through. */
export const RESERVE_QUEUE = 'inventory.reserve';

export async function readProgress(stage: Stage): Promise<Progress> {
  const { redis, ledger, records } = stage;
  const queue = `${redis.queuePrefix}:{${RESERVE_QUEUE}}`;
  const [decided, emails, waiting, processing, delayed, suspects] = await Promise.all([
    records.countOutcomes(),
    records.countEmails(),
    redis.connection.llen(`${queue}:waiting`),
    countProcessing(redis.connection, redis.queuePrefix, RESERVE_QUEUE),
    redis.connection.zcard(`${queue}:delayed`),
    redis.connection.llen(`${queue}:suspects`),
  ]);
  const { answered, refused, accepted } = ledger;
  return {
    answered,
    accepted: accepted.size,
    refused,
    decided,
    emails,
    waiting,
    processing,
    delayed,
    suspects,
  };
}

export function describeProgress(progress: Progress, count: number): string {
  const { answered, refused, decided, emails, waiting, processing } = progress;
  return (
    `${answered}/${count} posted, ${refused} refused, ${decided} settled, ${emails} mailed; ` +
    `${waiting} waiting, ${processing} held`
  );
}

/** True when no reservation is under way. */
export function isIdle({ waiting, processing, delayed, suspects }: Progress): boolean {
  return waiting + processing + delayed + suspects === 0;
}

/** True when there is nothing left to happen. */
export function isComplete(progress: Progress): boolean {
  const { accepted, decided, emails } = progress;
  return decided >= accepted && emails >= accepted && isIdle(progress);
}
