import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { OutcomeUnknownError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { ENDED_MS } from '../contract/broker-world.js';
import { element, ids } from '../contract/elements.js';
import { RedisWorld } from '../contract/redis-world.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import type { Match } from '../support/proxy.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { isCommandConnection, isExchange } from './commands.js';

const rig = redisRig({ settings: { 'maxmemory-policy': 'noeviction' } });
const world = new RedisWorld(rig);

const QUEUE = 'q';
const LARGE = Buffer.from(element('large', `"${'x'.repeat(300_000)}"`));
const TERMS = {
  leaseMs: 60_000,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 0,
  waitMs: 500,
};

/** The call by which a consumer takes that may meet large elements. */
const isMove: Match = ([name], connection) => name === 'lmove' && isCommandConnection(connection);

let proxy: Proxy;
/** Goes through the proxy. */
let broker: Broker;

beforeEach(async () => {
  world.expectFenced();
  proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  broker = await world.open(proxy.url);
});

async function join(): Promise<Lease> {
  const lease = await broker.join(QUEUE, TERMS, () => undefined);
  rig.closeLater({ close: () => lease.leave() });
  return lease;
}

/** So many that a consumer that joins then has to expect large ones. */
async function fill(count = 400): Promise<void> {
  const some = Array.from({ length: count }, (_, index) =>
    Buffer.from(element(`m${index}`, `"${'x'.repeat(2_000)}"`)),
  );
  await world.pushForeign(QUEUE, ...some);
}

async function exchange(
  lease: Lease,
  take: number,
  settlements: readonly Settlement[] = [],
): Promise<Exchange> {
  const reply = await lease.exchange(settlements, take, undefined, 'keep');
  if (reply === 'leaseLost') throw new Error('The lease was lost.');
  return reply;
}

function acks(elements: readonly Buffer[]): readonly Settlement[] {
  return elements.map((bytes) => ({ kind: 'ack', element: bytes }));
}

describe('a consumer that may meet large elements', () => {
  test('drains a Redis that is full', async () => {
    await fill();
    const lease = await join();
    rig.closeLater({ close: () => rig.commands.config('SET', 'maxmemory', '0') });
    await rig.commands.config('SET', 'maxmemory', '1');
    let taken: readonly Buffer[] = [];
    let drained = 0;
    for (let calls = 0; calls < 100 && drained < 400; calls += 1) {
      ({ taken } = await exchange(lease, 10, acks(taken)));
      drained += taken.length;
    }
    expect(drained).toBe(400);
    await exchange(lease, 0, acks(taken));
    expect(heldIn(await world.dump(QUEUE))).toBe(0);
  });

  test('takes delayed messages that are due before those that wait', async () => {
    await fill();
    const lease = await join();
    await rig.commands.zadd(world.key(QUEUE, 'delayed'), 1, element('due'));
    expect(ids((await exchange(lease, 1)).taken)).toEqual(['due']);
  });

  test('is still watched after it left, if the answer to a take was lost', async () => {
    await fill();
    const lease = await broker.join(QUEUE, TERMS, () => undefined);
    const late = proxy.holdRequest(isMove);
    const taking = exchange(lease, 1);
    await late.happened;
    expect(proxy.goSilent(isCommandConnection)).toBe(1);
    expect(await taking).toMatchObject({ taken: [], isCut: true });
    await lease.leave();
    late.release();
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(1));
    const other = await join();
    await world.age(QUEUE, TERMS.leaseMs / 2);
    const renewal = await other.renew();
    if (renewal === 'leaseLost') throw new Error('The lease was lost.');
    expect(await other.findLateTakes(renewal.fenced)).toEqual([lease.consumer]);
    await other.reclaim(lease.consumer);
    expect((await world.dump(QUEUE)).waiting).toHaveLength(400);
  });

  test('reports what it settled as settled, no matter what happens to what it takes then', async () => {
    await fill();
    const lease = await join();
    const first = (await exchange(lease, 1)).taken;
    const lost = proxy.dropReply(isMove);
    const reply = await exchange(lease, 1, acks(first));
    await lost.happened;
    expect(reply).toMatchObject({ missing: 0, taken: [], isCut: true });
    expect(ids((await exchange(lease, 1)).taken)).toEqual(['m1']);
    expect(heldIn(await world.dump(QUEUE))).toBe(1);
  });

  test('reports what it settled as settled, even if the answer to parking is lost', async () => {
    await world.pushForeign(QUEUE, element('small'), LARGE);
    const lease = await join();
    const first = (await exchange(lease, 1)).taken;
    const lost = proxy.dropReply(([name]) => name === 'EXEC');
    const reply = await exchange(lease, 1, acks(first));
    await lost.happened;
    expect(reply).toMatchObject({ missing: 0, taken: [], isCut: true });
    const { taken } = await exchange(lease, 1);
    expect(ids(taken)).toEqual(['large']);
    expect(
      (await exchange(lease, 0, [{ kind: 'ack', element: taken[0]!, isParked: true }])).missing,
    ).toBe(0);
    expect(await rig.commands.hlen(world.key(QUEUE, 'parked'))).toBe(0);
  });
});

test('does not report what earlier parts of an exchange settled as missing if a later part fails', async () => {
  const names = Array.from({ length: 1_200 }, (_, index) => `m${index}`);
  await world.pushForeign(QUEUE, ...names.map((name) => element(name)));
  const lease = await join();
  const taken: Buffer[] = [];
  while (taken.length < names.length) taken.push(...(await exchange(lease, 1_200)).taken);
  const settlements = taken.map((bytes) => ({ kind: 'release', element: bytes }) as const);
  let parts = 0;
  const lost = proxy.dropRequest(
    (words, connection) => isExchange(words, connection) && (parts += 1) === 2,
  );
  await expect(exchange(lease, 0, settlements)).rejects.toThrow(OutcomeUnknownError);
  await lost.happened;
  expect((await exchange(lease, 0, settlements)).missing).toBe(0);
  expect(ids((await world.dump(QUEUE)).waiting)).toEqual(names);
});

describe('leaving and reclaiming', () => {
  test('go on if the answer to parking is lost', async () => {
    const [lease, dead] = await Promise.all([
      broker.join(QUEUE, TERMS, () => undefined),
      broker.join(QUEUE, TERMS, () => undefined),
    ]);
    await world.pushForeign(QUEUE, LARGE);
    await world.lateTake(QUEUE, dead.consumer);
    await world.endLease(QUEUE, dead.consumer);
    const first = proxy.dropReply(([name]) => name === 'EXEC');
    expect(await lease.reclaim(dead.consumer, ENDED_MS)).toBe(1);
    await first.happened;
    const parked = world.key(QUEUE, 'parked');
    expect(await rig.commands.hlen(parked)).toBe(1);
    await lease.leave();
    await rig.commands.del(parked);
  });
});

describe('a large delayed message that is due', () => {
  const add = (): Promise<unknown> => rig.commands.zadd(world.key(QUEUE, 'delayed'), 1, LARGE);

  test('does not hold up what was taken while it is parked', async () => {
    const lease = await join();
    await add();
    await world.pushForeign(QUEUE, element('a'), element('b'));
    const parking = proxy.holdReply(([name]) => name === 'EXEC');
    const { taken, dueInMs } = await exchange(lease, 1);
    expect([ids(taken), dueInMs]).toEqual([['a'], 0]);
    const next = exchange(lease, 1, acks(taken));
    await parking.happened;
    parking.release();
    expect(await next).toMatchObject({ taken: [], missing: 0, isCut: true, dueInMs: 0 });
    expect(ids((await exchange(lease, 2)).taken)).toEqual(['large', 'b']);
    await rig.commands.del(world.key(QUEUE, 'parked'));
  });

  test.each<[string, string, 'dropRequest' | 'dropReply']>([
    ['before its parking', 'EXEC', 'dropRequest'],
    ['with the reply to its parking', 'EXEC', 'dropReply'],
    ['before its parking has ended', 'zremrangebyscore', 'dropRequest'],
  ])('is handled once if the connection is lost %s', async (_, command, how) => {
    const lease = await join();
    await add();
    const lost = proxy[how](([name]) => name === command);
    await exchange(lease, 1);
    await lost.happened;
    const handled: (string | undefined)[] = [];
    await eventually(async () => {
      const { taken } = await exchange(lease, 1);
      handled.push(...ids(taken));
      await exchange(
        lease,
        0,
        taken.map((bytes) => ({ kind: 'ack', element: bytes, isParked: true })),
      );
      const dump = await world.dump(QUEUE);
      expect([dump.delayed.length, dump.waiting.length, heldIn(dump)]).toEqual([0, 0, 0]);
    });
    expect(handled).toEqual(['large']);
  });
});

describe('a consumer whose connection for bodies cannot be opened', () => {
  test('hands large elements on as they are, settles, reclaims and leaves', async () => {
    const lease = await broker.join(QUEUE, TERMS, () => undefined);
    const dead = await broker.join(QUEUE, TERMS, () => undefined);
    await exchange(lease, 0);
    proxy.refuse(true);
    await world.pushForeign(QUEUE, LARGE);
    const { taken } = await exchange(lease, 1);
    expect(taken.map((each) => each.equals(LARGE))).toEqual([true]);
    expect((await exchange(lease, 0, acks(taken))).missing).toBe(0);

    await world.pushForeign(QUEUE, LARGE);
    await world.lateTake(QUEUE, dead.consumer);
    await world.endLease(QUEUE, dead.consumer);
    expect(await lease.reclaim(dead.consumer, ENDED_MS)).toBe(1);
    await lease.leave();
    expect(heldIn(await world.dump(QUEUE))).toBe(0);
  });

  test('handles a large delayed message', async () => {
    const lease = await join();
    await exchange(lease, 0);
    proxy.refuse(true);
    await rig.commands.zadd(world.key(QUEUE, 'delayed'), 1, LARGE);
    const first = await exchange(lease, 1);
    expect(first).toMatchObject({ taken: [], isCut: true });
    const { taken } = await exchange(lease, 1);
    expect(taken.map((each) => each.equals(LARGE))).toEqual([true]);
    await exchange(lease, 0, acks(taken));
    proxy.refuse(false);
  });
});
