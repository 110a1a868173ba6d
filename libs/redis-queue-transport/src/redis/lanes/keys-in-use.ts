import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { IN_LANES } from '../lua/lanes-lua.js';

/** About how many keys one call reads. */
const PAGE = 500;

/**
 * The keys of which messages are out, as they are written, with how many are counted; a part at a time. Nothing unless
 * messages wait in lanes.
 */
export async function* keysInUse(
  connection: Connection,
  { lanes }: Pick<QueueKeys, 'lanes'>,
): AsyncGenerator<ReadonlyMap<string, number>> {
  const action = 'list the lanes';
  if ((await connection.run(action, (client) => client.hget(lanes, IN_LANES))) === null) return;
  let cursor = '0';
  do {
    const [next, fields] = await connection.run(action, (client) =>
      client.hscan(lanes, cursor, 'COUNT', PAGE),
    );
    cursor = next;
    const some = new Map<string, number>();
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const [key = '', out = ''] = fields.slice(at, at + 2);
      if (key !== IN_LANES) some.set(key, countIn(out));
    }
    if (some.size > 0) yield some;
  } while (cursor !== '0');
}

/** A count that a hash has, which another program may have written: anything else counts as nothing. */
export function countIn(text: string | null): number {
  const count = Number(text ?? 0);
  return count > 0 && Number.isFinite(count) ? Math.floor(count) : 0;
}
