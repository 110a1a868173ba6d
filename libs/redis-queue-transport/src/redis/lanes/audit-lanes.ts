import { MOST_COUNTED } from '../../core/admin/admin-broker.js';
import type { LaneCheck, LaneTotal, WrongCount } from '../../core/admin/admin-broker.js';
import type { Connection } from '../connection/connection.js';
import { mayRun } from '../inspection/may-run.script.js';
import { literally } from '../keys/glob.js';
import type { QueueKeys } from '../keys/keys.js';
import { checkLanes } from './check-lanes.script.js';
import { repairLanes } from './repair-lanes.script.js';

/** About how many names one call reads. */
const PART = 1_000;

/** Compares what is counted of keys with what is there; undefined if the queue is too long. */
export function checkAllLanes(
  connection: Connection,
  keys: QueueKeys,
): Promise<LaneCheck | undefined> {
  return checkLanes.run(connection, namedOf(keys), {});
}

/**
 * Mends what is wrong, part by part, and returns it; undefined if the queue is too long, or becomes too long when many
 * go on. It ends once it has mended as many keys as were wrong at first, even if somebody keeps changing the queue by hand.
 */
export async function repairAllLanes(
  connection: Connection,
  keys: QueueKeys,
): Promise<LaneCheck | undefined> {
  const found = await lanesThere(connection, keys);
  const wrong: WrongCount[] = [];
  let first: { readonly inLanes: LaneTotal; readonly wrong: number } | undefined;
  for (;;) {
    const part = await repairLanes.run(connection, namedOf(keys), { wake: keys.wake }, found);
    if (part === undefined) return undefined;
    const { check, left } = part;
    wrong.push(...check.wrong);
    first ??= { inLanes: check.inLanes, wrong: wrong.length + left };
    if (left === 0 || wrong.length >= first.wrong) return { wrong, inLanes: first.inLanes };
  }
}

function namedOf(keys: QueueKeys): Omit<QueueKeys, 'processing'> & { readonly processing: string } {
  return { ...keys, processing: keys.processing('') };
}

/** The keys that have a lane, found by their names; none if the user may not look through these. */
async function lanesThere(connection: Connection, { lane }: QueueKeys): Promise<readonly string[]> {
  if (!(await mayRun.run(connection, {}, {}, ['SCAN']))) return [];
  const beginning = lane('');
  const pattern = `${literally(beginning)}*`;
  const found = new Set<string>();
  let cursor = '0';
  do {
    const [next, names] = await connection.run('look through the keys', (client) =>
      client.scan(cursor, 'MATCH', pattern, 'COUNT', PART, 'TYPE', 'list'),
    );
    for (const name of names) found.add(name.slice(beginning.length));
    cursor = next;
  } while (cursor !== '0');
  // One too many is enough for a refusal.
  return [...found].slice(0, MOST_COUNTED + 1);
}
