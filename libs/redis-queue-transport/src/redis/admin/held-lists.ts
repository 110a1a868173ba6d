import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';

/** A list in which a consumer holds something. */
export interface HeldList {
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
    for (let from = 0, isMore = true; isMore; from += PART) {
      const consumers = await connection.run('list consumers', (client) =>
        client.zrange(names, String(from), String(from + PART - 1)),
      );
      lists.push(...(await filledOf(connection, consumers.map(keys.processing))));
      isMore = consumers.length === PART;
    }
  }
  return lists;
}

async function filledOf(
  connection: Connection,
  lists: readonly string[],
): Promise<readonly HeldList[]> {
  if (lists.length === 0) return [];
  const filled = await connection.run('see what is held', (client) => client.exists(...lists));
  if (filled === 0) return [];
  const lengths = await connection.run('see what is held', (client) =>
    Promise.all(lists.map((list) => client.llen(list))),
  );
  return lists
    .map((key, index) => ({ key, length: lengths[index] ?? 0 }))
    .filter(({ length }) => length > 0);
}
