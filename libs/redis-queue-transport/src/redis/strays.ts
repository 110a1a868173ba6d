import type { Connection } from './connection.js';
import type { QueueKeys } from './keys.js';
import { putBack } from './scripts/put-back.js';

/** So many elements are read, or given back, with one call. */
const PAGE = 50;

/**
 * Compares a consumer's processing list with the elements that it knows to hold, and gives the others back to where they
 * came from, unchanged and in order: they were taken by a command whose answer got lost. To be called while nothing is
 * taken. The newest are looked at first, as what is not known is nearly always among them.
 */
export async function returnStrays(
  connection: Connection,
  keys: Pick<QueueKeys, 'waiting' | 'suspects'> & { readonly processing: string },
  held: readonly Buffer[],
): Promise<void> {
  const strays = await findStrays(connection, keys.processing, held);
  // From the newest on: so the oldest comes first.
  for (let from = 0; from < strays.length; from += PAGE)
    await putBack.run(connection, keys, {}, strays.slice(from, from + PAGE));
}

/** The newest first. */
async function findStrays(
  connection: Connection,
  processing: string,
  held: readonly Buffer[],
): Promise<readonly Buffer[]> {
  const length = await connection.run('look for strays', (client) => client.llen(processing));
  const many = length - held.length;
  const known = new Map<string, number>();
  if (many > 0) for (const element of held) count(known, element, 1);
  const strays: Buffer[] = [];
  for (let seen = 0; strays.length < many && seen < length; seen += PAGE) {
    const page = await connection.run('look for strays', (client) =>
      client.lrangeBuffer(processing, -(seen + PAGE), -(seen + 1)),
    );
    for (const element of page.toReversed())
      if (count(known, element, -1) < 0) strays.push(element);
  }
  return strays;
}

/** Buffers of equal bytes are the same here. Answers how many there are then. */
function count(known: Map<string, number>, element: Buffer, more: number): number {
  const text = element.toString('latin1');
  const many = (known.get(text) ?? 0) + more;
  known.set(text, many);
  return many;
}
