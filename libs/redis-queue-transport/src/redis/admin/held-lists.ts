import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { scored } from './scored.js';

/** A list in which a consumer holds something. */
export interface HeldList {
  readonly consumer: string;
  readonly key: string;
  readonly length: number;
}

/** So many consumers are asked about at once. */
const PART = 1_000;

/**
 * What consumers hold: those that have a lease, and those whose lease has ended and that are still watched. There may be
 * thousands of these, and hardly one holds anything, so they are asked about together first.
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

/** A sorted set of consumers in parts, names and scores in turn. */
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

/** Which of these consumers hold something. */
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
