import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { queueKey } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { KEYS, KeyedScene, WITHIN_MS } from './keyed-scene.js';

const rig = redisRig();

jest.setTimeout(180_000);

const EACH = 6;
/** So many refusals, or handled messages, show what the key does. */
const MANY = 10;
/** A rate that is never reached. */
const PACED = { perKey: { rate: 10_000 } };

/** What a queue with keys, priorities and limits has beside its messages, and what a stranger puts in its place. */
const PLACES: Readonly<Record<string, 'text' | 'list'>> = {
  waiting: 'text',
  lanes: 'text',
  [`lanes:${KEYS[0]}`]: 'text',
  levels: 'text',
  'levels:9': 'text',
  resting: 'text',
  [`resting:${KEYS[0]}`]: 'list',
  rate: 'list',
  slowed: 'list',
  terms: 'text',
  roles: 'text',
  suspects: 'text',
  delayed: 'text',
};

/** Puts a key of another type there. What was there is kept aside. */
const PUT = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end
if ARGV[1] == 'list' then redis.call('RPUSH', KEYS[1], 'strange') else redis.call('SET', KEYS[1], 'strange') end
`;
/** Undoes that. A key of the right type that has come since stays; if both are lists of messages, the older ones come first. */
const UNDO = `
local isStrange = redis.call('TYPE', KEYS[1]).ok == (ARGV[1] == 'list' and 'list' or 'string')
if isStrange then redis.call('DEL', KEYS[1]) end
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAMENX', KEYS[2], KEYS[1]) end
if ARGV[2] == 'list of messages' then
  while redis.call('EXISTS', KEYS[2]) == 1 do redis.call('LMOVE', KEYS[2], KEYS[1], 'RIGHT', 'LEFT') end
end
redis.call('DEL', KEYS[2])
`;

/** Lists of messages. What they have is not lost while another type is in their place. */
const OF_MESSAGES = /^(lanes|levels):/;

async function refusals(): Promise<number> {
  const stats = await rig.commands.info('errorstats');
  return Number(/WRONGTYPE:count=(\d+)/.exec(stats)?.[1] ?? 0);
}

/** Sends, and lets a key of another type be there meanwhile, until that has been seen or hinders nobody. */
async function sendBeside(scene: KeyedScene, place: string, isBusy: boolean): Promise<void> {
  const type = PLACES[place] ?? 'text';
  const keys = [queueKey(rig.prefix, scene.stage.queue, place), `${rig.prefix}:aside`] as const;
  const put = (): Promise<unknown> => rig.commands.eval(PUT, 2, ...keys, type);
  if (!isBusy) await put();
  const refusedBefore = await refusals();
  let isSent = false;
  const sending = scene.sendEach(EACH).then(() => (isSent = true));
  if (isBusy) {
    await scene.goesOn(3);
    await put();
  }
  const handledBefore = scene.handled;
  await eventually(async () => {
    const refused = (await refusals()) - refusedBefore;
    const handled = scene.handled - handledBefore;
    expect(isSent || refused >= MANY || handled >= MANY).toBe(true);
  }, WITHIN_MS);
  const what = OF_MESSAGES.test(place) ? 'list of messages' : 'other';
  await rig.commands.eval(UNDO, 2, ...keys, type, what);
  await sending;
}

describe('a queue with keys, priorities, a limit and a bound', () => {
  test.each(Object.keys(PLACES))(
    'keeps them when somebody has put a key of another type at %s',
    async (place) => {
      const scene = await KeyedScene.open(rig);
      await Promise.all([scene.start(PACED), scene.start(PACED)]);
      await sendBeside(scene, place, false);
      await sendBeside(scene, place, true);

      await scene.sendEach(EACH);
      // What stood in the lane of this key was gone for a while: those behind it could not know.
      await scene.expectKept(undefined, place === `lanes:${KEYS[0]}` ? KEYS[0] : undefined);
      await scene.expectAllPlaces();
    },
  );
});
