import { beforeEach, expect, test } from '@jest/globals';
import { RedisUnavailableError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { redisRig } from '../support/redis-rig.js';
import { element, ids } from './elements.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

/** A body that goes over the connection for large ones. */
const LARGE = 'x'.repeat(200_000);
const CONNECT_TIMEOUT_MS = 1_000;

// The messages stay in the queue, and their bodies with them.
beforeEach(() => rig.mayRemain(/:\{q\}:parked$/));

async function waitingIds(): Promise<(string | undefined)[]> {
  return ids((await world.dump('q')).waiting);
}

test('messages keep their order if they are pushed while the connection for a large one opens', async () => {
  const broker = await world.open();
  const pushed: Promise<unknown>[] = [];
  for (const id of ['small 1', 'large 1', 'small 2', 'small 3', 'large 2', 'small 4']) {
    pushed.push(broker.push('q', id, element(id, id.startsWith('large') ? LARGE : '{}')));
    await new Promise(setImmediate);
  }
  await Promise.all(pushed);
  expect(await waitingIds()).toEqual([
    'small 1',
    'large 1',
    'small 2',
    'small 3',
    'large 2',
    'small 4',
  ]);
});

test('a large message that gets no connection fails with the other large ones, and no small one fails', async () => {
  const broker = world.openUnconnected(rig.connection, CONNECT_TIMEOUT_MS);
  await broker.connect();
  const clientsMay = (most: number | string): Promise<unknown> =>
    rig.commands.config('SET', 'maxclients', most);
  const [, before = ''] = (await rig.commands.config('GET', 'maxclients')) as [string, string];
  const connections = String(await rig.commands.client('LIST'))
    .trim()
    .split('\n');
  await clientsMay(connections.length);
  rig.closeLater({ close: () => clientsMay(before) });

  const small: Promise<unknown>[] = [];
  const large: Promise<unknown>[] = [];
  for (let n = 1; n <= 4; n += 1) {
    large.push(broker.push('q', `large ${n}`, element(`large ${n}`, LARGE)));
    small.push(broker.push('q', `small ${n}`, element(`small ${n}`)));
    await new Promise(setImmediate); // each in a turn of its own
  }
  const [ofLarge, ofSmall] = await Promise.all([
    Promise.allSettled(large),
    Promise.allSettled(small),
  ]);

  expect(ofSmall).toEqual(small.map(() => ({ status: 'fulfilled', value: 'added' })));
  for (const settled of ofLarge) {
    expect(settled).toMatchObject({ status: 'rejected' });
    expect(settled.status === 'rejected' && settled.reason).toBeInstanceOf(RedisUnavailableError);
  }
  expect(await waitingIds()).toEqual(['small 1', 'small 2', 'small 3', 'small 4']);

  await clientsMay(before);
  expect(await broker.push('q', 'large 5', element('large 5', LARGE))).toBe('added');
  expect((await waitingIds()).at(-1)).toBe('large 5');
});

test('a small message stays behind a large one of the same turn, no matter to how many queues that turn sends', async () => {
  const broker = await world.open();
  const others = Array.from({ length: 1_000 }, (_, n) => `other ${n}`);
  await Promise.all([
    broker.push('q', 'large', element('large', LARGE)),
    ...others.map((queue) => broker.push(queue, 'x', element('x'))),
    broker.push('q', 'small', element('small')),
  ]);
  expect(await waitingIds()).toEqual(['large', 'small']);
});
