import type { Connection } from '../connection/connection.js';

/** About how many fields one call reads: less than a millisecond of Redis. */
const PAGE = 500;

/**
 * The fields of a hash that may have very many, a part at a time. A field that is there all the time comes at least once; one
 * that is added or removed meanwhile may come or not.
 */
export async function* fieldsOf(
  connection: Connection,
  action: string,
  key: string,
): AsyncGenerator<ReadonlyMap<string, string>> {
  let cursor = '0';
  do {
    const [next, words] = await connection.run(action, (client) =>
      client.hscan(key, cursor, 'COUNT', PAGE),
    );
    cursor = next;
    const fields = new Map<string, string>();
    for (let at = 0; at + 1 < words.length; at += 2)
      fields.set(words[at] ?? '', words[at + 1] ?? '');
    yield fields;
  } while (cursor !== '0');
}

/** All of them. */
export async function allFieldsOf(
  connection: Connection,
  action: string,
  key: string,
): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>();
  for await (const fields of fieldsOf(connection, action, key))
    for (const [name, value] of fields) all.set(name, value);
  return all;
}
