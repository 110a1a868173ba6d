import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { LARGE_BYTES } from '../script/script.js';
import type { LargeElements } from '../parking/large-elements.js';
import type { TakingEnd } from '../lua/moving-lua.js';
import { putBack } from './put-back.script.js';

/** How many elements one call reads or gives back. */
const PAGE = 100;

/** A consumer whose list may hold strays. */
export interface Straying {
  readonly consumer: string;
  readonly connection: Connection;
  readonly large: LargeElements;
  readonly takesFrom: TakingEnd;
  readonly keys: Pick<QueueKeys, 'waiting' | 'levels' | 'suspects' | 'consumers'> & {
    readonly processing: string;
  };
}

/** What a lease knows to hold, compared with its list. */
export interface Compared {
  readonly order: 'sameOrder' | 'otherOrder';
  /** Known ones that the list does not have: if several are equal, the oldest. */
  readonly gone: readonly Buffer[];
}

/**
 * Compares a consumer's processing list with the elements that it knows to hold, and puts the others back where they came
 * from, unchanged and in order: they were taken by a command whose reply was lost, or Redis has lost that they were
 * settled. Does nothing without the lease. Call it while nothing is taken.
 *
 * Returns which of those that it knows are gone, and whether the others are in the order in which it knows them.
 */
export async function returnStrays(at: Straying, held: readonly Buffer[]): Promise<Compared> {
  const { connection, consumer, keys } = at;
  for (;;) {
    const leaseEnd = await connection.run('look up its lease', (client) =>
      client.zscore(keys.consumers, consumer),
    );
    if (leaseEnd === null) return { order: 'otherOrder', gone: [] };
    const { strays, ...compared } = await findStrays(connection, keys.processing, held);
    // If the lease was renewed meanwhile, it looks again.
    if (await putBackAll(at, Number(leaseEnd), await withLargeParked(at, strays))) return compared;
  }
}

/** @param strays from the newest to the oldest, so that the oldest ends up first */
async function putBackAll(
  { connection, consumer, keys, takesFrom }: Straying,
  leaseEnd: number,
  strays: readonly Buffer[],
): Promise<boolean> {
  let seenEndMs = leaseEnd;
  for (let from = 0; from < strays.length; from += PAGE) {
    const page = strays.slice(from, from + PAGE);
    const args = { consumer, seenEndMs, takesFrom };
    if (!(await putBack.run(connection, keys, args, page))) return false;
    seenEndMs += 1;
  }
  return true;
}

async function withLargeParked(
  { large, keys: { processing } }: Straying,
  strays: readonly Buffer[],
): Promise<readonly Buffer[]> {
  const small: Buffer[] = [];
  for (const stray of strays) {
    const isLarge = stray.length > LARGE_BYTES;
    const parked = isLarge ? await large.park(processing, stray) : undefined;
    small.push(parked?.element ?? stray);
  }
  return small;
}

/** What a list has beside the known elements, the newest first, and whether it has these in their order. */
interface Comparison extends Compared {
  readonly strays: readonly Buffer[];
}

/** Some known elements may be gone: the reply to the call that settled them was lost, or Redis has lost that it took them. */
async function findStrays(
  connection: Connection,
  processing: string,
  held: readonly Buffer[],
): Promise<Comparison> {
  const known = new Map<string, number>();
  for (const element of held) count(known, element, 1);
  const strays: Buffer[] = [];
  /** How many of the known ones may still come. */
  let left = held.length;
  let order: Comparison['order'] = 'sameOrder';
  for (let seen = 0, page: Buffer[]; ; seen += page.length) {
    page = await connection.run('look for strays', (client) =>
      client.lrangeBuffer(processing, -(seen + PAGE), -(seen + 1)),
    );
    for (const element of page.toReversed()) {
      if (count(known, element, -1) < 0) {
        strays.push(element);
        continue;
      }
      do left -= 1;
      while (left >= 0 && held[left]?.equals(element) !== true);
      if (left < 0) order = 'otherOrder';
    }
    if (page.length < PAGE) return { strays, order, gone: held.filter((one) => take(known, one)) };
  }
}

/** Whether one is left; then there is one less. */
function take(known: Map<string, number>, element: Buffer): boolean {
  return count(known, element, 0) > 0 && count(known, element, -1) >= 0;
}

/** Counts buffers with equal bytes. Returns how many there are now. */
function count(known: Map<string, number>, element: Buffer, more: number): number {
  const text = element.toString('latin1');
  const many = (known.get(text) ?? 0) + more;
  known.set(text, many);
  return many;
}
