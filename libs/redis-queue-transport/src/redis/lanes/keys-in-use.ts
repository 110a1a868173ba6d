import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { IN_LANES } from '../script/lanes-lua.js';

/** About how many keys one call reads. */
const PAGE = 500;

/** The keys of which messages are out, as they are written, a part at a time. Nothing unless messages wait in lanes. */
export async function* keysInUse(
  connection: Connection,
  { lanes }: Pick<QueueKeys, 'lanes'>,
): AsyncGenerator<readonly string[]> {
  const action = 'list the lanes';
  if ((await connection.run(action, (client) => client.hget(lanes, IN_LANES))) === null) return;
  let cursor = '0';
  do {
    const [next, fields] = await connection.run(action, (client) =>
      client.hscan(lanes, cursor, 'COUNT', PAGE),
    );
    cursor = next;
    const some = fields.filter((field, index) => index % 2 === 0 && field !== IN_LANES);
    if (some.length > 0) yield some;
  } while (cursor !== '0');
}
