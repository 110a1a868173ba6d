import { countProcessing } from './queue-lengths.js';
import type { Stage } from './stage.js';

/** How far the orders are, at one moment. */
export interface Progress {
  readonly answered: number;
  readonly emails: number;
  readonly waiting: number;
  /** Taken by a live consumer, but not yet settled. */
  readonly processing: number;
}

/** The queue that all orders go through. */
export const RESERVE_QUEUE = 'inventory.reserve';

export async function readProgress({ redis, ledger, records }: Stage): Promise<Progress> {
  const { connection, queuePrefix } = redis;
  const [emails, waiting, processing] = await Promise.all([
    records.countEmails(),
    connection.llen(`${queuePrefix}:{${RESERVE_QUEUE}}:waiting`),
    countProcessing(connection, queuePrefix, RESERVE_QUEUE),
  ]);
  return { answered: ledger.answered, emails, waiting, processing };
}

export function describeProgress({ answered, emails, waiting, processing }: Progress): string {
  return (
    `${answered} orders answered, ${emails} e-mails sent; ` +
    `reservations: ${waiting} waiting, ${processing} held`
  );
}
