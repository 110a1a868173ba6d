import type { Connection } from '../connection/connection.js';
import { fieldsOf } from '../keys/fields-of.js';
import type { QueueKeys } from '../keys/keys.js';
import { IN_LANES } from '../lua/lanes-lua.js';

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
  for await (const fields of fieldsOf(connection, action, lanes)) {
    const some = new Map<string, number>();
    for (const [key, out] of fields) if (key !== IN_LANES) some.set(key, countIn(out));
    if (some.size > 0) yield some;
  }
}

/** A count that a hash has, which another program may have written: anything else counts as nothing. */
export function countIn(text: string | null): number {
  const count = Number(text ?? 0);
  return count > 0 && Number.isFinite(count) ? Math.floor(count) : 0;
}
