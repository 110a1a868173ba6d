import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { element, ids } from '../contract/elements.js';
import { RedisWorld } from '../contract/redis-world.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { expectShortScripts } from './script-times.js';

jest.setTimeout(120_000);

const rig = redisRig();
const world = new RedisWorld(rig);

const PATTERN = 'order.placed';
const GROUPS = ['billing', 'mail', 'stock'];
const MIB = 1_048_576;
const TEXT = 'x'.repeat(300_000);

let broker: Broker;

beforeEach(async () => {
  broker = await world.open();
});

const queueOf = (group: string): string => `@${group}/${PATTERN}`;

async function bodiesOf(group: string): Promise<number> {
  return rig.commands.hlen(world.key(queueOf(group), 'parked'));
}

async function waitingIds(group: string): Promise<(string | undefined)[]> {
  return ids((await world.dump(queueOf(group))).waiting);
}

async function forget(): Promise<void> {
  for (const group of GROUPS)
    await rig.commands.del(...['waiting', 'parked'].map((what) => world.key(queueOf(group), what)));
}

/** Takes what a group has, and returns the lengths of the bodies. */
async function takeAll(group: string): Promise<number[]> {
  const terms = {
    leaseMs: 30_000,
    deadLetterLimit: 10,
    deadLetterMaxAgeMs: 3_600_000,
    onceMs: 60_000,
    waitMs: 200,
    subscription: {},
  };
  const lease = await broker.join(queueOf(group), terms, () => undefined);
  const answer = await lease.exchange([], 10);
  if (answer === 'leaseLost') throw new Error('The lease is lost.');
  const lengths: number[] = [];
  for (const taken of answer.taken) {
    const name = /"parked":"([^"]+)"/.exec(taken.toString('latin1'))?.[1];
    const body = name === undefined ? undefined : await lease.parkedBody(name);
    lengths.push(body instanceof Buffer ? body.length : 0);
  }
  await lease.exchange(
    answer.taken.map((taken) => ({ kind: 'ack', element: taken, isParked: true })),
    0,
  );
  await lease.leave();
  return lengths;
}

async function listen(): Promise<string[]> {
  const heard: string[] = [];
  const subscriber = await world.open();
  await subscriber.subscribe([PATTERN], (_, bytes) => heard.push(String(ids([bytes])[0])));
  return heard;
}

describe('a large event', () => {
  test('keeps Redis busy for less than 10 ms in a script, no matter how many groups there are', async () => {
    await broker.declare({ pattern: PATTERN, groups: GROUPS });
    const heard = await listen();
    await expectShortScripts(rig.commands, async () => {
      const large = element('large', `"${'x'.repeat(16 * MIB)}"`);
      const published = await broker.publish(PATTERN, 'large', large);
      expect(published).toMatchObject({ groups: 3, listeners: 1 });
      for (const group of GROUPS) expect(await takeAll(group)).toEqual([16 * MIB + 2]);
    });
    await eventually(() => expect(heard).toContain('large'));
    for (const group of GROUPS) expect(await bodiesOf(group)).toBe(0);
  });

  test('keeps Redis busy for less than 10 ms in a script if it is for live listeners alone', async () => {
    const heard = await listen();
    await expectShortScripts(rig.commands, async () => {
      const large = element('large', `"${'x'.repeat(16 * MIB)}"`);
      const published = await broker.publish(PATTERN, 'large', large);
      expect(published).toMatchObject({ groups: 0, listeners: 1 });
    });
    await eventually(() => expect(heard).toContain('large'));
  });

  test('of 1 MiB keeps Redis busy for less than 10 ms in a script that adds it to a history, or reads it there', async () => {
    await broker.declare({ pattern: PATTERN, groups: GROUPS, history: { maxLength: 10 } });
    const heard: string[] = [];
    const subscriber = await world.open();
    await subscriber.subscribe([PATTERN], (_, bytes) => heard.push(String(ids([bytes])[0])), {
      withinMs: new Map([[PATTERN, 60_000]]),
      onMissed: (_, events) => heard.push(`missed ${events}`),
    });
    let sent = 0;
    await expectShortScripts(rig.commands, async () => {
      sent += 1;
      const id = `large ${sent}`;
      const large = element(id, `"${'x'.repeat(MIB)}"`);
      const published = await broker.publish(PATTERN, id, large);
      expect(published).toMatchObject({ groups: 3, listeners: 1 });
      await broker.publish(PATTERN, 'small', element('small'));
      await eventually(() => expect(heard.slice(-2)).toEqual([id, 'small']));
      await forget();
    });
    expect(heard).toHaveLength(2 * sent);
  });

  test('that is under way is sent before the broker closes, and so are those behind it', async () => {
    await broker.declare({ pattern: PATTERN, groups: GROUPS });
    const closing = await world.open();
    const large = element('large', `"${TEXT}"`);
    await closing.publish(PATTERN, 'first', element('first'));
    const published = [
      closing.publish(PATTERN, 'large', large),
      closing.publish(PATTERN, 'small', element('small')),
    ];
    const settled = Promise.allSettled(published);
    await closing.close();
    expect(await settled).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }]);
    for (const group of GROUPS)
      expect(await waitingIds(group)).toEqual(['first', 'large', 'small']);
    await forget();
  });

  test('uses the connection for bodies; if it gets none, it fails without the small ones', async () => {
    await broker.declare({ pattern: PATTERN, groups: ['billing'] });
    const sender = world.openUnconnected(rig.connection, 1_000);
    await sender.connect();
    const clientsMay = (most: number | string): Promise<unknown> =>
      rig.commands.config('SET', 'maxclients', most);
    const [, before = ''] = (await rig.commands.config('GET', 'maxclients')) as [string, string];
    const connections = String(await rig.commands.client('LIST'))
      .trim()
      .split('\n');
    await clientsMay(connections.length);
    rig.closeLater({ close: () => clientsMay(before) });

    const settled = await Promise.allSettled(
      ['large 1', 'small 1', 'large 2', 'small 2'].map((id) =>
        sender.publish(PATTERN, id, element(id, id.startsWith('large') ? `"${TEXT}"` : '{}')),
      ),
    );
    expect(settled.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await waitingIds('billing')).toEqual(['small 1', 'small 2']);
    await clientsMay(before);
    await sender.publish(PATTERN, 'large 3', element('large 3', `"${TEXT}"`));
    expect(await waitingIds('billing')).toEqual(['small 1', 'small 2', 'large 3']);
    await forget();
  });

  test('keeps its place among small ones, for groups and for live listeners', async () => {
    await broker.declare({ pattern: PATTERN, groups: ['billing'] });
    const heard = await listen();
    const sender = await world.open();
    const order = ['small 1', 'large 1', 'small 2', 'large 2', 'large 3', 'small 3'];
    // The sender does not know the group before the first event is refused, so all are sent again.
    await Promise.all(
      order.map((id) =>
        sender.publish(PATTERN, id, element(id, id.startsWith('large') ? `"${TEXT}"` : '{}')),
      ),
    );
    await eventually(() => expect(heard).toEqual(order));
    expect(await waitingIds('billing')).toEqual(order);
    expect(await bodiesOf('billing')).toBe(3);
    await forget();
  });

  test('that is emitted again within its window leaves no body', async () => {
    await broker.declare({ pattern: PATTERN, groups: GROUPS });
    const large = element('large', `"${TEXT}"`);
    const heard = await listen();
    const first = await broker.publish(PATTERN, 'large', large, { deduplicateMs: 60_000 });
    const again = await broker.publish(PATTERN, 'large', large, { deduplicateMs: 60_000 });
    expect(first).toMatchObject({ groups: 3, listeners: 1, isDuplicate: false });
    expect(again).toMatchObject({ isDuplicate: true });
    for (const group of GROUPS) expect(await bodiesOf(group)).toBe(1);
    await eventually(() => expect(heard).toEqual(['large']));
    await forget();
  });

  test('that one group cannot take goes to no group, and nobody hears of it', async () => {
    await broker.declare({ pattern: PATTERN, groups: GROUPS });
    const heard = await listen();
    for (const what of ['waiting', 'parked']) {
      const key = world.key(queueOf('mail'), what);
      await rig.commands.set(key, 'of somebody else');
      await expect(
        broker.publish(PATTERN, 'large', element('large', `"${TEXT}"`)),
      ).rejects.toMatchObject({ code: 'REDIS_REFUSED' });
      await rig.commands.del(key);
    }
    for (const group of GROUPS)
      expect([await waitingIds(group), await bodiesOf(group)]).toEqual([[], 0]);
    await broker.publish(PATTERN, 'small', element('small'));
    await eventually(() => expect(heard).toEqual(['small']));
    await forget();
  });

  test('of a sender who may not publish it goes to no group', async () => {
    await broker.declare({ pattern: PATTERN, groups: GROUPS });
    await rig.commands.call(
      ...['ACL', 'SETUSER', 'quiet', 'reset', 'on', '>secret', '~*', `&${rig.prefix}:other`],
      '+@all',
    );
    const quiet = await world.open(rig.redis.url.replace('redis://', 'redis://quiet:secret@'));
    await expect(
      quiet.publish(PATTERN, 'large', element('large', `"${TEXT}"`)),
    ).rejects.toMatchObject({ code: 'REDIS_REFUSED' });
    for (const group of GROUPS)
      expect([await waitingIds(group), await bodiesOf(group)]).toEqual([[], 0]);
    await rig.commands.call('ACL', 'DELUSER', 'quiet');
  });

  test('of a sender who may not begin a transaction reaches all groups', async () => {
    await broker.declare({ pattern: PATTERN, groups: GROUPS });
    await rig.commands.call(
      ...['ACL', 'SETUSER', 'plain', 'reset', 'on', '>secret', '~*', '&*', '+@all', '-multi'],
    );
    const plain = await world.open(rig.redis.url.replace('redis://', 'redis://plain:secret@'));
    await plain.publish(PATTERN, 'large', element('large', `"${TEXT}"`));
    for (const group of GROUPS) expect(await takeAll(group)).toEqual([TEXT.length + 2]);
    await rig.commands.call('ACL', 'DELUSER', 'plain');
  });
});
