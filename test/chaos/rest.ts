import type { Redis } from 'ioredis';
import { readJournal } from '../support/journal.js';
import { dumpQueue, heldIn } from '../support/queue-dump.js';
import type { Replica } from './replica.js';
import { PREFIX, QUEUES } from './settings.js';

/** Whether no message waits, is delayed or is held any more. */
export async function atRest(commands: Redis): Promise<boolean> {
  for (const queue of QUEUES) {
    const dump = await dumpQueue(commands, PREFIX, queue);
    if (dump.waiting.length + dump.suspects.length + dump.delayed.length + heldIn(dump) > 0)
      return false;
  }
  return true;
}

/** Those of the consumers that have not been told of this event. */
export function deafTo(id: string, consumers: readonly Replica[]): string[] {
  const isTold = ({ journal }: Replica): boolean =>
    readJournal(journal).some((entry) => entry.event === 'told' && entry.id === id);
  return consumers.filter((consumer) => !isTold(consumer)).map(({ name }) => name);
}
