import { beforeEach, describe, expect, test } from '@jest/globals';
import type {
  Broker,
  LeaseTerms,
} from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { redisRig } from '../support/redis-rig.js';
import { ENDED_MS } from './broker-world.js';
import { element } from './elements.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const LARGE = Buffer.from(element('large', `"${'x'.repeat(300_000)}"`));
const TERMS: LeaseTerms = {
  leaseMs: 60_000,
  deadLetterLimit: undefined,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 3_600_000,
  waitMs: 300,
};

let broker: Broker;

beforeEach(async () => {
  broker = await world.open();
});

const bodies = (): Promise<number> => rig.commands.hlen(world.key(QUEUE, 'parked'));

/** URL for one that lacks one permission. */
async function userWithout(rule: string): Promise<string> {
  await rig.commands.call(
    'ACL',
    'SETUSER',
    'plain',
    'reset',
    'on',
    '>secret',
    '~*',
    '&*',
    '+@all',
    rule,
  );
  return rig.redis.url.replace('redis://', 'redis://plain:secret@');
}

describe('a large element that others pushed', () => {
  test('of a consumer that has renewed its lease since stays as it is, and no body is left', async () => {
    const held = await broker.join(QUEUE, TERMS, () => undefined);
    const lease = await broker.join(QUEUE, TERMS, () => undefined);
    const processing = world.key(QUEUE, `processing:${held.consumer}`);
    await rig.commands.rpush(processing, LARGE);

    expect(await lease.reclaim(held.consumer, ENDED_MS)).toBe(0);

    const elements = await rig.commands.lrangeBuffer(processing, 0, -1);
    expect(elements.map((each) => each.equals(LARGE))).toEqual([true]);
    expect(await bodies()).toBe(0);
    await rig.commands.del(processing);
    await held.leave();
    await lease.leave();
  });

  test('goes as it is where bodies cannot be parked', async () => {
    const parked = world.key(QUEUE, 'parked');
    await rig.commands.set(parked, 'of somebody else');
    await world.pushForeign(QUEUE, LARGE);
    const lease = await broker.join(QUEUE, TERMS, () => undefined);

    const answer = await lease.exchange([], 1);

    if (answer === 'leaseLost') throw new Error('The lease is lost.');
    expect(answer.taken.map((each) => each.equals(LARGE))).toEqual([true]);
    const processing = world.key(QUEUE, `processing:${lease.consumer}`);
    expect(await rig.commands.llen(processing)).toBe(1);
    await rig.commands.del(parked);
    await lease.leave();
    expect(await rig.commands.llen(world.key(QUEUE, 'waiting'))).toBe(1);
  });

  test('is handled once, as it is, for a user who may not end its parking', async () => {
    const other = await world.open(await userWithout('-lset'));
    await world.pushForeign(QUEUE, LARGE);
    const lease = await other.join(QUEUE, TERMS, () => undefined);

    const answer = await lease.exchange([], 1);

    if (answer === 'leaseLost') throw new Error('The lease is lost.');
    expect(answer.taken.map((each) => each.equals(LARGE))).toEqual([true]);
    const processing = world.key(QUEUE, `processing:${lease.consumer}`);
    expect([await rig.commands.llen(processing), await bodies()]).toEqual([1, 0]);
    await lease.exchange([{ kind: 'ack', element: answer.taken[0]! }], 0);
    await lease.leave();
    expect(await rig.commands.llen(world.key(QUEUE, 'waiting'))).toBe(0);
  });

  test.each(['-zremrangebyscore', '-hexists'])(
    'that is due is taken once for a user with %s, who may not park it',
    async (rule) => {
      const other = await world.open(await userWithout(rule));
      const delayed = world.key(QUEUE, 'delayed');
      const lease = await other.join(QUEUE, TERMS, () => undefined);
      await rig.commands.zadd(delayed, 1, LARGE);

      expect(await lease.exchange([], 1, undefined, 'keep')).toMatchObject({ taken: [] });
      const answer = await lease.exchange([], 1);

      if (answer === 'leaseLost') throw new Error('The lease is lost.');
      expect(answer.taken).toHaveLength(1);
      expect(await rig.commands.zcard(delayed)).toBe(0);
      await lease.exchange([{ kind: 'ack', element: answer.taken[0]!, isParked: true }], 0);
      expect([await rig.commands.zcard(delayed), await bodies()]).toEqual([0, 0]);
      await lease.leave();
    },
  );

  test('is parked for a user who may not begin a transaction', async () => {
    const other = await world.open(await userWithout('-multi'));
    await world.pushForeign(QUEUE, LARGE);
    const lease = await other.join(QUEUE, TERMS, () => undefined);

    const answer = await lease.exchange([], 1);

    if (answer === 'leaseLost') throw new Error('The lease is lost.');
    expect(answer.taken.map(({ length }) => length < 200)).toEqual([true]);
    expect(await bodies()).toBe(1);
    await lease.exchange([{ kind: 'ack', element: answer.taken[0]!, isParked: true }], 0);
    expect(await bodies()).toBe(0);
    await lease.leave();
  });
});
