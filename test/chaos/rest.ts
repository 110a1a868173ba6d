import type { Redis } from 'ioredis';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { readJournal } from '../support/journal.js';
import { dumpQueue, heldIn, queueKey, waitingIn } from '../support/queue-dump.js';
import type { Replica } from './replica.js';
import type { ChaosServers } from './servers/servers.js';
import { PARTNER, PARTNER_LIST, PREFIX, QUEUES } from './settings.js';

/** Whether no message is waiting, delayed or held any more. */
export async function atRest(commands: Redis): Promise<boolean> {
  for (const queue of QUEUES) {
    const dump = await dumpQueue(commands, PREFIX, queue);
    const { delayed, lanes, suspects, unkeyed } = dump;
    const queued = waitingIn(dump).length + unkeyed.length + suspects.length + delayed.length;
    if (queued + lanes.size + heldIn(dump) > 0) return false;
  }
  return (await commands.exists(PARTNER_LIST, queueKey(PREFIX, PARTNER, 'fed'))) === 0;
}

/** The names of the consumers that have not heard this event. */
export function deafTo(id: string, consumers: readonly Replica[]): string[] {
  const isTold = ({ journal }: Replica): boolean =>
    readJournal(journal).some((entry) => entry.event === 'told' && entry.id === id);
  return consumers.filter((consumer) => !isTold(consumer)).map(({ name }) => name);
}

/** Deletes all dead letters, the last messages in Redis. Returns the queues that still have parked bodies. */
export async function litteredQueues({ commands, connection }: ChaosServers): Promise<string[]> {
  const admin = new RedisQueueAdmin({ connection, prefix: PREFIX });
  const littered: string[] = [];
  try {
    for (const queue of QUEUES) {
      await admin.deleteDeadLetters(queue);
      if ((await commands.hlen(queueKey(PREFIX, queue, 'parked'))) > 0) littered.push(queue);
    }
  } finally {
    await admin.close();
  }
  return littered;
}
