import { expect, test } from '@jest/globals';
import type { Lease } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { redisRig } from '../support/redis-rig.js';
import { element } from './elements.js';
import { RedisWorld } from './redis-world.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const TERMS = {
  leaseMs: 60_000,
  deadLetterLimit: 10_000,
  deadLetterMaxAgeMs: 1_000,
  onceMs: 0,
  waitMs: 500,
};
/** How many dead letters one call looks at. */
const PART = 1_000;

/** Dead letters as they pile up where messages are large, each with a parked body. */
async function parkDeadLetters(count: number): Promise<void> {
  await rig.commands.eval(
    `for i = 1, tonumber(ARGV[1]) do
       redis.call('XADD', KEYS[1], i .. '-1', 'element', '{"rq":1,"parked":"' .. i .. '","id":"m' .. i .. '"}\\n')
       redis.call('HSET', KEYS[2], i, 'body')
     end`,
    2,
    world.key(QUEUE, 'dead'),
    world.key(QUEUE, 'parked'),
    count,
  );
}

async function left(): Promise<readonly number[]> {
  return [
    await rig.commands.xlen(world.key(QUEUE, 'dead')),
    await rig.commands.hlen(world.key(QUEUE, 'parked')),
  ];
}

async function join(terms: Partial<typeof TERMS> = {}): Promise<Lease> {
  const broker = await world.open();
  const lease = await broker.join(QUEUE, { ...TERMS, ...terms }, () => undefined);
  rig.closeLater({ close: () => lease.leave() });
  return lease;
}

test('dead letters with parked bodies that are too old are dropped in parts, one with each renewal', async () => {
  await parkDeadLetters(2 * PART + 1);
  const lease = await join();
  for (const rest of [PART + 1, 1, 0]) {
    await lease.renew();
    expect(await left()).toEqual([rest, rest]);
  }
  expect((await world.dump(QUEUE)).deadLettersDropped).toBe(2 * PART + 1);
});

test('dead letters with parked bodies above the limit are dropped in parts, one with each that is added', async () => {
  await parkDeadLetters(2 * PART);
  const lease = await join({ deadLetterLimit: 10 });
  const broker = await world.open();
  for (const rest of [PART + 1, 10, 10]) {
    await broker.push(QUEUE, 'new', element('new'));
    const exchange = await lease.exchange([], 1);
    const [bytes] = exchange === 'leaseLost' ? [] : exchange.taken;
    await lease.exchange([{ kind: 'deadLetter', element: bytes!, replacement: bytes! }], 0);
    expect((await left())[0]).toBe(rest);
  }
  expect(await left()).toEqual([10, 7]);
  await rig.commands.del(world.key(QUEUE, 'parked'));
});
