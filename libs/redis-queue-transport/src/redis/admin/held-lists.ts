import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { scored } from './scored.js';

/** A list in which a consumer holds something. */
export interface HeldList {
  readonly consumer: string;
  readonly key: string;
  readonly length: number;
}

/** How many consumers one call asks about. */
const PART = 1_000;

/**
 * What consumers hold: those with a lease, and those that are still watched after their lease has ended. There may be
 * thousands of the latter, and hardly any of them holds anything, so a first call asks about many at once.
 */
export async function heldLists(
  connection: Connection,
  keys: QueueKeys,
): Promise<readonly HeldList[]> {
  const lists: HeldList[] = [];
  for (const names of [keys.consumers, keys.fenced]) {
    for await (const part of partsOf(connection, names)) {
      const consumers = scored(part).map(([consumer]) => consumer);
      lists.push(...(await filledOf(connection, keys, consumers)));
    }
  }
  return lists;
}

/** Reads a sorted set of consumers part by part: names and scores, alternating. */
export async function* partsOf(
  connection: Connection,
  names: string,
): AsyncGenerator<readonly string[]> {
  for (let from = 0, isMore = true; isMore; from += PART) {
    const part = await connection.run('list consumers', (client) =>
      client.zrange(names, String(from), String(from + PART - 1), 'WITHSCORES'),
    );
    yield part;
    isMore = part.length === 2 * PART;
  }
}

/** Returns those of the consumers that hold something. */
export async function filledOf(
  connection: Connection,
  keys: QueueKeys,
  consumers: readonly string[],
): Promise<readonly HeldList[]> {
  if (consumers.length === 0) return [];
  const lists = consumers.map((consumer) => ({ consumer, key: keys.processing(consumer) }));
  const filled = await connection.run('see what is held', (client) =>
    client.exists(...lists.map(({ key }) => key)),
  );
  if (filled === 0) return [];
  const lengths = await connection.run('see what is held', (client) =>
    Promise.all(lists.map(({ key }) => client.llen(key))),
  );
  return lists
    .map((list, index) => ({ ...list, length: lengths[index] ?? 0 }))
    .filter(({ length }) => length > 0);
}
