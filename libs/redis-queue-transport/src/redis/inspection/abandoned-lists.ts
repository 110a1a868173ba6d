import type { AbandonedList } from '../../core/admin/inspection.js';
import { subscriptionQueue } from '../../core/message/queue-name.js';
import type { Connection } from '../connection/connection.js';
import { literally } from '../keys/glob.js';
import type { Keys } from '../keys/keys.js';

/** How many keys one call looks at. */
const PART = 1_000;

/** Lists of consumers that are recorded nowhere, so nobody takes back what they hold. Looks through all keys. */
export async function abandonedLists(
  connection: Connection,
  keys: Keys,
  prefix: string,
): Promise<readonly AbandonedList[]> {
  const found = new Map<string, AbandonedList>();
  let cursor = '0';
  do {
    const [next, names] = await connection.run('look through the keys', (client) =>
      client.scan(
        cursor,
        'MATCH',
        `${literally(prefix)}:{*}*:processing:*`,
        'COUNT',
        PART,
        'TYPE',
        'list',
      ),
    );
    for (const key of names) {
      const list = await abandoned(connection, keys, prefix, key);
      if (list !== undefined) found.set(key, list);
    }
    cursor = next;
  } while (cursor !== '0');
  return [...found.values()];
}

async function abandoned(
  connection: Connection,
  keys: Keys,
  prefix: string,
  key: string,
): Promise<AbandonedList | undefined> {
  // A queue's name may have braces of its own; that of a consumer has none.
  const [, pattern, group, consumer] =
    /^\{(.+)\}(?:@([\w.-]+))?:processing:([^{}]+)$/s.exec(key.slice(prefix.length + 1)) ?? [];
  if (pattern === undefined || consumer === undefined) return undefined;
  const queue = group === undefined ? pattern : subscriptionQueue({ group, pattern });
  const { consumers, fenced } = keys.queue(queue);
  // The length comes last: by then, a consumer that leaves meanwhile holds nothing.
  const [leased, reclaimed, held] = await connection.run('see what is held', (client) =>
    Promise.all([
      client.zscore(consumers, consumer),
      client.zscore(fenced, consumer),
      client.llen(key),
    ]),
  );
  if (held === 0 || leased !== null || reclaimed !== null) return undefined;
  return { queue, consumer, key, held };
}
