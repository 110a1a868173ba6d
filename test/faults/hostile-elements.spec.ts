import { expect, jest, test } from '@jest/globals';
import { RedisQueueAdmin, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { placeOfQueue } from '../support/place-of-queue.js';
import { eventually } from '../support/eventually.js';
import { NestProgram } from '../support/nest-program.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { HostileElements } from './hostile-elements.js';

const rig = redisRig();

/** How many elements each round has, and how many good messages of each kind are among them. */
const ELEMENTS = 2_500;
const NORMAL_ROUNDS = 4;
const GOOD = 25;

jest.setTimeout(timeFor(NORMAL_ROUNDS, 180_000));

/**
 * A few are giants: in `waiting`, in the list of others, in the list of a dead process, and among due messages. With
 * GIANT_MIB=512, they are as large as Redis allows, which takes some GiB of memory.
 */
const GIANT_MIB = Number(process.env['GIANT_MIB'] ?? 160);
const GIANT_PLACES = [15, 5, 1, 2];

const QUEUES = ['work', 'once', '@billing/order.#'];

/** Keys of others and their values, none of which may change. */
function strangers(): [string, string][] {
  return [
    ['sessions', 'list'],
    [`${rig.prefix}:{orders}:waiting`, 'list'],
    ['other:{reply:x}:replies', 'list'],
    ['settings', 'string'],
  ];
}

async function putStrangers(): Promise<void> {
  for (const [key, type] of strangers()) {
    if (type === 'list') await rig.commands.rpush(key, 'untouched');
    else await rig.commands.set(key, 'untouched');
  }
}

async function expectStrangersUntouched(): Promise<void> {
  for (const [key, type] of strangers()) {
    const value = type === 'list' ? rig.commands.lrange(key, 0, -1) : rig.commands.get(key);
    expect([key, await value]).toEqual([key, type === 'list' ? ['untouched'] : 'untouched']);
    expect([key, await rig.commands.pttl(key)]).toEqual([key, -1]);
  }
  const known = new RegExp(`^(${rig.prefix}:|theirs$)`);
  const others = strangers().map(([key]) => key);
  const keys = await rig.commands.keys('*');
  expect(keys.filter((key) => !known.test(key) && !others.includes(key))).toEqual([]);
}

/** Puts an element where another program could have put it. */
async function put(element: Buffer, place: number, random: () => number): Promise<unknown> {
  const queue = QUEUES[Math.floor(random() * QUEUES.length)] ?? '';
  const key = (what: string): string => `${rig.prefix}:${placeOfQueue(queue)}:${what}`;
  const { commands } = rig;
  switch (place) {
    case 0: {
      const consumers = await commands.zrange(key('consumers'), '0', '-1');
      return commands.rpush(key(`processing:${consumers[0] ?? 'gone'}`), element);
    }
    case 1:
      await commands.rpush(key('processing:gone'), element);
      return commands.zadd(key('consumers'), 1, 'gone');
    case 2:
      return commands.zadd(key('delayed'), Math.floor(random() * 1e6), element);
    case 3:
      return commands.xadd(key('dead'), '*', 'element', element);
    case 4:
      return commands.hset(key('parked'), element.subarray(0, 100), element);
    case 5:
      return commands.lpush('theirs', element);
    case 6:
      return commands.rpush(`${rig.prefix}:{work}:fed`, element);
    case 7:
      return commands.rpush(key('suspects'), element);
    case 8:
      return commands.publish(`${rig.prefix}:event:order.#`, element);
    case 9:
      return commands.publish(`${rig.prefix}:history:order.#`, element);
    case 10:
      return commands.xadd(`${rig.prefix}:{order.#}:history`, '*', 'n', '1', 'element', element);
    case 11: {
      const lists = await commands.keys(`${rig.prefix}:{reply:*`);
      return commands.rpush(lists[0] ?? `${rig.prefix}:{reply:nobody}:replies`, element);
    }
    case 12:
      return commands.hset(`${rig.prefix}:queues`, element.subarray(0, 200), 'pushed');
    case 13: {
      const kind = ['', '@', '@g/', 'listeners:', 'history:', 'heard:'][Math.floor(random() * 6)];
      const indexes = [':groups', ':{wildcards}', ':{order.placed}:groups'];
      return commands.hset(
        `${rig.prefix}${indexes[Math.floor(random() * 3)] ?? ''}`,
        `${kind}${element.toString('latin1', 0, 50)}`,
        element,
      );
    }
    case 14:
      return commands.publish(key('wake'), element);
    default:
      return commands.rpush(key('waiting'), element);
  }
}

const PLACES = 40; // most of them in `waiting`

test(`nothing that is in Redis stops a service or reaches the keys of others (seed ${SEED})`, async () => {
  const random = randomNumbers(SEED);
  const hostile = new HostileElements(random, rig.prefix);
  await putStrangers();
  await rig.commands.hset(
    `${rig.prefix}:{wildcards}`,
    'history:order.#',
    '{"maxLength":100}',
    'version',
    '1',
  );
  const { url } = rig.redis;
  const environment = { REDIS_URL: url, PREFIX: rig.prefix, LIST: 'theirs' };
  const service = rig.closeLater(new NestProgram('hostile-service', environment));
  await service.prints('ready');
  const client = rig.closeLater(
    // While a giant passes, a service can stand for seconds: that it goes on is what counts here.
    new RedisQueueClient({
      connection: url,
      prefix: rig.prefix,
      parkAboveBytes: 2_000,
      requestTimeoutMs: 120_000,
    }),
  );
  await client.connect();

  const total = rounds(NORMAL_ROUNDS) * ELEMENTS;
  const sent: Promise<unknown>[] = [];
  const giants = new Map(
    GIANT_PLACES.map((place, index) => [
      Math.floor((total * (index + 1)) / (GIANT_PLACES.length + 1)),
      place,
    ]),
  );
  for (let i = 0, good = 0; i < total; i += 1) {
    const giantPlace = giants.get(i);
    if (giantPlace === undefined) await put(hostile.next(), Math.floor(random() * PLACES), random);
    else await put(hostile.giant(GIANT_MIB * 1_048_576), giantPlace, random);
    if (i % Math.floor(total / GOOD) !== 0) continue;
    good += 1;
    const data = { good, filler: 'x'.repeat(good % 2 === 0 ? 3_000 : 0) };
    sent.push(lastValueFrom(client.send('work', data)));
    sent.push(lastValueFrom(client.enqueue('once', data)));
    sent.push(lastValueFrom(client.emit('order.placed', data)));
    sent.push(rig.commands.lpush('theirs', JSON.stringify({ good: `theirs ${good}` })));
  }
  const ends = await Promise.allSettled(sent);

  expect(ends.filter(({ status }) => status === 'rejected')).toEqual([]);
  const goods = Array.from({ length: GOOD }, (_, index) => index + 1);
  await eventually(() => {
    const expected = goods.flatMap((good) => [
      `message ${good}`,
      `message theirs ${good}`,
      `batch ${good}`,
      `copy ${good}`,
      `live ${good}`,
    ]);
    expect(expected.filter((line) => !service.printed.includes(line))).toEqual([]);
  }, 60_000);
  await eventually(async () => {
    for (const queue of QUEUES) {
      const places = ['waiting', 'suspects', 'fed'].map((place) =>
        rig.commands.llen(`${rig.prefix}:${placeOfQueue(queue)}:${place}`),
      );
      const delayed = rig.commands.zcard(`${rig.prefix}:${placeOfQueue(queue)}:delayed`);
      expect([queue, ...(await Promise.all([...places, delayed]))]).toEqual([queue, 0, 0, 0, 0]);
    }
    expect(await rig.commands.keys(`${rig.prefix}:*:processing:*`)).toEqual([]);
  }, 60_000);
  await expectStrangersUntouched();

  // The consumers are still the first ones, and people can look at everything.
  service.printed.splice(0, service.printed.length);
  await service.prints('health up');
  expect(client.health().status).toBe('up');
  const admin = rig.closeLater(new RedisQueueAdmin({ connection: url, prefix: rig.prefix }));
  for (const queue of QUEUES) {
    await rig.commands.zadd(`${rig.prefix}:${placeOfQueue(queue)}:delayed`, 'inf', hostile.next());
    await admin.delayed(queue);
    const { dead } = await admin.lengths(queue);
    expect((await admin.deadLetters(queue, { limit: 20_000 })).letters.length).toBe(dead);
    await admin.pause(queue);
    expect(await admin.redriveAll(queue)).toBe(dead);
    expect((await admin.peek(queue, { limit: 20_000 })).length).toBe(dead);
    await admin.purge(queue);
  }
  await admin.queues();
  await admin.groups();
  await admin.history('order.#', { limit: 1_000 });
  service.signal('SIGTERM');
  await service.ended;
  await rig.commands.flushall();
});
