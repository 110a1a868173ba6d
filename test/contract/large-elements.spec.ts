import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { LeaseTerms } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { LARGE_BYTES } from '../../libs/redis-queue-transport/src/redis/script/script.js';
import { redisRig } from '../support/redis-rig.js';
import { ENDED_MS } from './broker-world.js';
import { element, ids } from './elements.js';
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

/** The URL for a user that lacks one permission. */
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
  test('stays as it is, and leaves no body, if its consumer has renewed the lease meanwhile', async () => {
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

  test('waits for the limit of its queue, and keeps its place', async () => {
    const limit = { running: 2, rate: undefined, perMs: 1_000 };
    const leases = [1, 2].map(() => broker.join(QUEUE, { ...TERMS, limit }, () => undefined));
    const [one, other] = await Promise.all(leases);
    const names = ['a', 'b', 'c', 'd'];
    const foreign = names.map((id) => Buffer.from(element(id, `"${'x'.repeat(300_000)}"`)));
    await world.pushForeign(QUEUE, ...foreign);

    const taken: Buffer[] = [];
    for (let tries = 0; tries < 6; tries += 1) {
      for (const lease of [one!, other!]) {
        const reply = await lease.exchange([], 3);
        if (reply !== 'leaseLost') taken.push(...reply.taken);
      }
    }

    expect(ids(taken)).toEqual(['a', 'b']);
    const { waiting, processing } = await world.dump(QUEUE);
    expect(ids(waiting)).toEqual(['c', 'd']);
    expect([...processing.values()].flat()).toHaveLength(2);
    await Promise.all([one!.leave(), other!.leave()]);
    world.expectParked();
  });

  test('is taken as it is if bodies cannot be parked', async () => {
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

  test('is handled once, as it is, for a user who may not finish parking it', async () => {
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

  test.each([-100, -8, -1, 0, 1])(
    'that is due is taken with a size of %d bytes above the limit for small ones',
    async (more) => {
      const lease = await broker.join(QUEUE, TERMS, () => undefined);
      const body = LARGE_BYTES + more - element('due', '""').length;
      await rig.commands.zadd(
        world.key(QUEUE, 'delayed'),
        1,
        element('due', `"${'x'.repeat(body)}"`),
      );
      let taken: readonly Buffer[] = [];
      for (let calls = 0; calls < 3 && taken.length === 0; calls += 1) {
        const answer = await lease.exchange([], 1, undefined, 'keep');
        if (answer !== 'leaseLost') ({ taken } = answer);
      }
      expect(ids(taken)).toEqual(['due']);
      await lease.exchange([{ kind: 'ack', element: taken[0]!, isParked: true }], 0);
      await lease.leave();
    },
  );

  test.each(['-multi', '-select'])(
    'that is due is taken as it is if bodies cannot be parked, for a user with %s',
    async (rule) => {
      const other = await world.open(await userWithout(rule));
      const parked = world.key(QUEUE, 'parked');
      await rig.commands.set(parked, 'of somebody else');
      const lease = await other.join(QUEUE, TERMS, () => undefined);
      await rig.commands.zadd(world.key(QUEUE, 'delayed'), 1, LARGE);

      await lease.exchange([], 1, undefined, 'keep');
      const answer = await lease.exchange([], 1);

      if (answer === 'leaseLost') throw new Error('The lease is lost.');
      expect(answer.taken.map((each) => each.equals(LARGE))).toEqual([true]);
      await lease.exchange([{ kind: 'ack', element: answer.taken[0]! }], 0);
      await rig.commands.del(parked);
      await lease.leave();
    },
  );

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
