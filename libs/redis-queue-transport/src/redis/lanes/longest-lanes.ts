import type { Lane } from '../../core/admin/admin-broker.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { keysInUse } from './keys-in-use.js';
import { LARGE_BYTES } from '../script/script.js';
import { laneLengths } from './lane-lengths.script.js';

/** How many lanes are looked into at once. */
const HEADS = 50;
const NOTHING = Buffer.alloc(0);

/** The lanes in which most elements wait, the longest first. Looks at all keys in use, a part at a time. */
export async function longestLanes(
  connection: Connection,
  keys: QueueKeys,
  count: number,
): Promise<readonly Lane[]> {
  let longest: Omit<Lane, 'head'>[] = [];
  for await (const some of keysInUse(connection, keys)) {
    const lengths = await laneLengths.run(connection, keys, {}, [...some.keys()]);
    // Redis may name a key twice while it looks through them.
    const known = new Map(longest.map((lane) => [lane.key, lane]));
    [...some].forEach(([key, out], at) => known.set(key, { key, out, waiting: lengths[at] ?? 0 }));
    longest = [...known.values()]
      .filter(({ waiting }) => waiting > 0)
      .sort((a, b) => b.waiting - a.waiting)
      .slice(0, count);
  }
  const lanes: Lane[] = [];
  for (let from = 0; from < longest.length; from += HEADS) {
    const part = longest.slice(from, from + HEADS);
    const heads = await headsOf(connection, keys, part);
    lanes.push(...part.map((lane, at) => ({ ...lane, head: heads[at] ?? NOTHING })));
  }
  return lanes;
}

/**
 * The first element of each lane; nothing for a large one. The mean that sampling the first node of a list gives is no
 * more than what that node takes for each element of the list.
 */
async function headsOf(
  connection: Connection,
  { lane }: QueueKeys,
  lanes: readonly Omit<Lane, 'head'>[],
): Promise<readonly Buffer[]> {
  const sampled = await connection.run('list the lanes', (client) =>
    Promise.all(lanes.map(({ key }) => client.memory('USAGE', lane(key), 'SAMPLES', 1))),
  );
  const isSmall = lanes.map(({ waiting }, at) => (sampled[at] ?? 0) / waiting <= LARGE_BYTES);
  const heads = await connection.run('list the lanes', (client) =>
    Promise.all(
      lanes.map(async ({ key }, at) => (isSmall[at] ? client.lindexBuffer(lane(key), 0) : null)),
    ),
  );
  return heads.map((head) => head ?? NOTHING);
}
