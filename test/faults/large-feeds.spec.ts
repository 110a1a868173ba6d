import { expect, jest, test } from '@jest/globals';
import type { Broker, Feed } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { RedisWorld } from '../contract/redis-world.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { expectShortScripts } from './script-times.js';

jest.setTimeout(120_000);

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const MIB = 1_048_576;
const large = (beginning: string): string => beginning + 'x'.repeat(16 * MIB - beginning.length);

const sourceOf = (): string => `${rig.prefix}-theirs`;

/** For each element in the queue, the length of its body. */
async function lengths(): Promise<number[]> {
  const elements = await rig.commands.lrangeBuffer(world.key(QUEUE, 'waiting'), 0, -1);
  const parked = world.key(QUEUE, 'parked');
  return Promise.all(
    elements.map(async (element) => {
      const name = /^\{"rq":1,"parked":"([^"]+)"/.exec(element.toString('latin1', 0, 100))?.[1];
      return name === undefined
        ? element.length - element.indexOf('\n') - 1
        : rig.commands.hstrlen(parked, name);
    }),
  );
}

async function fed(broker: Broker): Promise<Feed> {
  const feed = await broker.feed(QUEUE, { key: sourceOf(), take: 'left' });
  rig.closeLater({ close: () => feed.stop() });
  return feed;
}

test.each<[string, string[]]>([
  ['that have no header', ['', '', '']],
  ['that look like messages', ['{"rq":1,"parked":"x"}\n', '{"rq":1,"id":"a"}\n']],
])(
  'large elements of a list that others fill, %s, are moved without being read',
  async (_, large16) => {
    const broker = await world.open();
    await expectShortScripts(rig.commands, async () => {
      for (const beginning of large16)
        await rig.commands.rpush(sourceOf(), 'small', large(beginning));
      const feed = await fed(broker);
      const expected = large16.flatMap(() => [5, 16 * MIB]);
      await eventually(async () => expect(await lengths()).toEqual(expected), 60_000);
      await feed.stop();
      await rig.commands.del(world.key(QUEUE, 'waiting'), world.key(QUEUE, 'parked'));
    });
  },
);

test('a large element before thousands of small ones is moved without being read', async () => {
  const broker = await world.open();
  await expectShortScripts(rig.commands, async () => {
    await rig.commands.rpush(sourceOf(), ...Array<string>(20).fill('small'), large(''));
    for (let sent = 0; sent < 2; sent += 1)
      await rig.commands.rpush(sourceOf(), ...Array<string>(1_000).fill('x'.repeat(2_000)));
    const feed = await fed(broker);
    const waiting = world.key(QUEUE, 'waiting');
    await eventually(async () => expect(await rig.commands.llen(waiting)).toBe(2_021), 60_000);
    expect((await rig.commands.lindex(waiting, 20))?.length).toBeLessThan(200);
    await feed.stop();
    await rig.commands.del(waiting, world.key(QUEUE, 'parked'));
  });
});

test('a large element stays behind those before it, even if one call cannot move them all', async () => {
  const broker = await world.open();
  // One call takes one, then twice as many each time, up to the number at which the large one is the last.
  const before = Array.from({ length: 14 }, (_, index) => 200_000 + index);
  for (const length of before) await rig.commands.rpush(sourceOf(), 'x'.repeat(length));
  await rig.commands.rpush(sourceOf(), large(''), 'last');
  const feed = await fed(broker);
  await eventually(
    async () => expect(await lengths()).toEqual([...before, 16 * MIB, 'last'.length]),
    60_000,
  );
  await feed.stop();
  await rig.commands.del(world.key(QUEUE, 'waiting'), world.key(QUEUE, 'parked'));
});

test('a large element that is waited for is moved without being read', async () => {
  const broker = await world.open();
  const feed = await fed(broker);
  await expectShortScripts(rig.commands, async () => {
    await rig.commands.rpush(sourceOf(), large(''));
    await eventually(async () => expect(await lengths()).toEqual([16 * MIB]), 60_000);
    await rig.commands.del(world.key(QUEUE, 'waiting'), world.key(QUEUE, 'parked'));
  });
  await feed.stop();
});
