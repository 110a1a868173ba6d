import type { Books } from './books.js';
import { readQueueLengths } from './queue-lengths.js';
import type { Stage } from './stage.js';

/**
 * Reads every fact from where it is kept, once nothing changes any more. Never rejects: if the run went wrong, people
 * need whatever can still be read to find out why.
 */
export async function readBooks(stage: Stage): Promise<Books> {
  const { redis, ledger, records } = stage;
  const unreadable: string[] = [];
  const read = async <T>(what: string, fact: Promise<T>, nothing: T): Promise<T> => {
    try {
      return await fact;
    } catch (error) {
      unreadable.push(`${what} (${error instanceof Error ? error.message : String(error)})`);
      return nothing;
    }
  };
  const [orders, outcomes, charges, chargeCalls, emails, seeded, left, redelivered, queues] =
    await Promise.all([
      read('orders', records.orderStatuses(), new Map<string, string>()),
      read('outcomes', records.outcomes(), new Map<string, string>()),
      read('charges', records.charges(), []),
      read('calls to the payment provider', records.countChargeCalls(), 0),
      read('e-mails', records.emails(), []),
      read('stock at the start', records.unitsSeeded(), new Map<string, number>()),
      read('stock now', records.unitsLeft(), new Map<string, number>()),
      read('redelivered messages', records.countRedelivered(), 0),
      read('queues', readQueueLengths(redis.connection, redis.queuePrefix), []),
    ]);
  const { accepted, refused, sentAgain, failures } = ledger;
  return {
    accepted,
    refused,
    sentAgain,
    failures,
    orders,
    outcomes,
    charges,
    chargeCalls,
    transfers: [...ledger.transfers],
    emails,
    seeded,
    left,
    redelivered,
    queues,
    unreadable,
  };
}
