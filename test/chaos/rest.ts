import type { Redis } from 'ioredis';
import { readJournal } from '../support/journal.js';
import { idOf } from '../support/element.js';
import { dumpQueue, heldIn } from '../support/queue-dump.js';
import type { Replica } from './replica.js';
import { PLACED, PREFIX, QUEUES } from './settings.js';

const HISTORY_KEY = `${PREFIX}:{${PLACED}}:history`;
const PAGE = 1_000;

/** Whether no message waits, is delayed or is held any more. */
export async function atRest(commands: Redis): Promise<boolean> {
  for (const queue of QUEUES) {
    const dump = await dumpQueue(commands, PREFIX, queue);
    if (dump.waiting.length + dump.delayed.length + heldIn(dump) > 0) return false;
  }
  return true;
}

/** Ids of the events in the history, the oldest first. */
export async function historyIds(commands: Redis): Promise<string[]> {
  const ids: string[] = [];
  for (let from = '-'; ;) {
    const page = await commands.xrangeBuffer(HISTORY_KEY, from, '+', 'COUNT', PAGE);
    for (const [, fields] of page) ids.push(idOf(fields.at(-1) ?? Buffer.alloc(0)));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return ids;
    from = `(${last[0].toString()}`;
  }
}

/** Those of the consumers that have not been told of this event. */
export function deafTo(id: string, consumers: readonly Replica[]): string[] {
  const isTold = ({ journal }: Replica): boolean =>
    readJournal(journal).some((entry) => entry.event === 'told' && entry.id === id);
  return consumers.filter((consumer) => !isTold(consumer)).map(({ name }) => name);
}
