import type { Lane } from '../../core/admin/admin-broker.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { countIn, keysInUse } from './keys-in-use.js';
import { LARGE_BYTES } from '../script/script.js';
import { laneLengths } from './lane-lengths.script.js';

/** How many lanes are looked into at once. */
const HEADS = 50;
const NOTHING = Buffer.alloc(0);

/** What is known of a lane before its first element is looked at. */
type Counted = Pick<Lane, 'key' | 'out' | 'waiting'>;

/**
 * The lanes in which most elements wait, the longest first, and behind them paused keys without any. Looks at all keys in
 * use, a part at a time.
 */
export async function longestLanes(
  connection: Connection,
  keys: QueueKeys,
  count: number,
): Promise<readonly Lane[]> {
  let longest: Counted[] = [];
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
  longest.push(...(await pausedOf(connection, keys, longest, count - longest.length)));
  const lanes: Lane[] = [];
  for (let from = 0; from < longest.length; from += HEADS) {
    const part = longest.slice(from, from + HEADS);
    const heads = await headsOf(connection, keys, part);
    const rests = await restsOf(connection, keys, part);
    lanes.push(
      ...part.map((lane, at) => ({
        ...lane,
        head: heads[at] ?? NOTHING,
        restsUntilMs: rests[at],
      })),
    );
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
  lanes: readonly Counted[],
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

/** Paused keys that are not among these, at most `count`. */
async function pausedOf(
  connection: Connection,
  { lanes, resting }: QueueKeys,
  known: readonly Counted[],
  count: number,
): Promise<readonly Counted[]> {
  if (count <= 0) return [];
  const most = known.length + count;
  const paused = await connection.run('list the lanes', (client) =>
    client.zrange(resting, '+inf', '+inf', 'BYSCORE', 'LIMIT', 0, most),
  );
  const others = paused.filter((key) => !known.some((lane) => lane.key === key)).slice(0, count);
  const out = await connection.run('list the lanes', (client) =>
    Promise.all(others.map((key) => client.hget(lanes, key))),
  );
  return others.map((key, at) => ({ key, out: countIn(out[at] ?? null), waiting: 0 }));
}

/** Until when each of them rests, if it does. */
async function restsOf(
  connection: Connection,
  { resting }: QueueKeys,
  lanes: readonly Counted[],
): Promise<readonly (number | undefined)[]> {
  const scores = await connection.run('list the lanes', (client) =>
    Promise.all(lanes.map(({ key }) => client.zscore(resting, key))),
  );
  return scores.map((score) =>
    score === null ? undefined : score === 'inf' ? Infinity : Number(score),
  );
}
