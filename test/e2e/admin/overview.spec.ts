import { describe, expect, test } from '@jest/globals';
import {
  DeadLetter,
  InvalidPatternError,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
  RedisRefusedError,
} from 'nestjs-redis-queue-transport';
import type { QueueOverview } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../delivery/controller.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

test('an overview shows all queues at a glance, with the age of the oldest message', async () => {
  const app = await rig.serve({
    controllers: [
      controllerOf('refused', () => {
        throw new DeadLetter('no');
      }),
    ],
  });
  const client = rig.client();
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  await client.enqueue('refused', 1);
  await eventually(async () => expect((await admin.lengths('refused')).dead).toBe(1));
  await app.close();
  await client.enqueueMany('work', [1, 2, 'ü'.repeat(3_000)]);
  await client.enqueue('work', new RedisQueueRecordBuilder(3).delay(60_000).build());
  await rig.commands.hset(`${rig.prefix}:queues`, 'foreign', 'pushed');
  await rig.commands.rpush(`${rig.prefix}:{foreign}:waiting`, '{"plain":1}');
  await admin.pause('work');

  const { queues: overview, unreadable } = await admin.overview();

  const empty = {
    waiting: 0,
    byPriority: {},
    inLanes: 0,
    unkeyed: 0,
    suspects: 0,
    processing: 0,
    delayed: 0,
    dead: 0,
    consumers: 0,
    isPaused: false,
    expired: 0,
    repeated: 0,
    deadLettersDropped: 0,
    copiesDropped: 0,
    maxLength: undefined,
    isFull: false,
    limit: undefined,
    perKey: { running: 1, rate: undefined, perMs: 1_000 },
    order: 'oldestFirst',
    slowedMs: 0,
    rateWaitMs: 0,
    lanes: 0,
    longestLane: 0,
  };
  expect(overview).toEqual([
    { ...empty, queue: 'foreign', waiting: 1, byPriority: { 4: 1 }, oldestAgeMs: undefined },
    { ...empty, queue: 'refused', dead: 1, oldestAgeMs: undefined },
    {
      ...empty,
      queue: 'work',
      waiting: 3,
      byPriority: { 4: 3 },
      delayed: 1,
      isPaused: true,
      oldestAgeMs: expect.any(Number),
    },
  ]);
  expect(unreadable).toEqual([]);
  const { oldestAgeMs = -1 } = overview[2] ?? {};
  expect(oldestAgeMs).toBeGreaterThanOrEqual(0);
  await eventually(async () => {
    const later = (await admin.overview()).queues[2]?.oldestAgeMs ?? 0;
    expect(later).toBeGreaterThan(oldestAgeMs);
  });
});

test('an overview of some queues counts which consumers hold how much, and what was dropped', async () => {
  const gate = new Gate();
  const work = controllerOf('work', () => gate.opened);
  await rig.serve({ controllers: [work] }, { concurrency: 2 });
  await rig.serve({ controllers: [work] }, { concurrency: 1 });
  const client = rig.client();
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  await client.enqueueMany('work', [1, 2, 3, 4, 5]);
  await client.enqueue('other', 1);
  await rig.commands.hset(`${rig.prefix}:{work}:counts`, 'expired', 7, 'deadLettersDropped', 2);

  await eventually(async () => {
    const { queues } = await admin.overview(['work', { pattern: 'never.seen', group: 'billing' }]);
    const [work, group, ...others] = queues;
    expect(work).toMatchObject({ waiting: 2, processing: 3, consumers: 2, expired: 7 });
    expect(work).toMatchObject({ deadLettersDropped: 2, repeated: 0 });
    expect(group).toMatchObject({ queue: '@billing/never.seen', waiting: 0, consumers: 0 });
    expect(others).toEqual([]);
  });
  gate.open();
});

describe('an overview still shows the other queues', () => {
  async function twoQueuesAndAnother(another: string): Promise<RedisQueueAdmin> {
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    await rig.client().enqueue('a', 1);
    await rig.client().enqueue('z', 1);
    await rig.commands.hset(`${rig.prefix}:queues`, another, 'pushed');
    return admin;
  }

  const others = [
    expect.objectContaining({ queue: 'a', waiting: 1 }),
    expect.objectContaining({ queue: 'z', waiting: 1 }),
  ];

  test.each(['waiting', 'suspects', 'delayed', 'dead', 'counts', 'consumers'])(
    'if another program uses the key "%s" of one queue, and names queue and key',
    async (part) => {
      const admin = await twoQueuesAndAnother('bad');
      const key = `${rig.prefix}:{bad}:${part}`;
      await rig.commands.set(key, 'of another program');
      const error = expect.objectContaining({
        name: RedisRefusedError.name,
        reply: 'WRONGTYPE',
        message: expect.stringMatching(`^Queue "bad": .*WRONGTYPE.* "${key}"`),
      });

      for (let look = 0; look < 3; look += 1)
        expect(await admin.overview()).toEqual({
          queues: others,
          unreadable: [{ queue: 'bad', error }],
        });
      expect(await admin.overview(['bad'])).toMatchObject({ queues: [] });
      await expect(admin.lengths('bad')).rejects.toEqual(error);
      await rig.commands.del(key);
      expect(await admin.overview()).toMatchObject({ queues: { length: 3 }, unreadable: [] });
    },
  );

  test('if a consumer keeps its messages in a key that is not a list', async () => {
    const admin = await twoQueuesAndAnother('bad');
    await rig.commands.zadd(`${rig.prefix}:{bad}:consumers`, Date.now() + 60_000, 'c');
    const key = `${rig.prefix}:{bad}:processing:c`;
    await rig.commands.set(key, 'of another program');
    const { queues, unreadable } = await admin.overview();
    await rig.commands.del(key, `${rig.prefix}:{bad}:consumers`);
    expect(queues).toEqual(others);
    expect(unreadable).toMatchObject([
      { queue: 'bad', error: { message: expect.stringContaining(`"${key}"`) } },
    ]);
  });

  test.each(['', '}x'])(
    'if another program listed "%s", which is not the name of a queue',
    async (name) => {
      const admin = await twoQueuesAndAnother(name);
      const error = expect.objectContaining({ name: InvalidPatternError.name });
      const overview = await admin.overview();
      expect(overview).toEqual({ queues: others, unreadable: [{ queue: name, error }] });
      await expect(admin.overview(['a', name])).rejects.toEqual(error);
    },
  );

  test('if its user may only look at some queues', async () => {
    await twoQueuesAndAnother('secret');
    const url = new URL(rig.redis.url);
    const rules = [`~${rig.prefix}:queues`, `~${rig.prefix}:{a}:*`, `~${rig.prefix}:{z}:*`];
    const user = `some-${rig.prefix.replaceAll(/\W/g, '-')}`;
    await rig.commands.acl('SETUSER', user, 'reset', 'on', '>pass', '+@all', ...rules);
    rig.closeLater({ close: () => rig.commands.acl('DELUSER', user) });
    [url.username, url.password] = [user, 'pass'];
    const admin = rig.closeLater(
      new RedisQueueAdmin({ ...rig.clientOptions(), connection: url.href }),
    );

    const error = expect.objectContaining({
      reply: 'NOPERM',
      message: expect.stringContaining('Queue "secret": '),
    });
    for (let look = 0; look < 3; look += 1)
      expect(await admin.overview()).toEqual({
        queues: others,
        unreadable: [{ queue: 'secret', error }],
      });
    await rig.commands.acl('SETUSER', user, '-eval', '-evalsha');
    await expect(admin.overview()).rejects.toMatchObject({ reply: 'NOPERM' });
  });
});

describe('an overview costs Redis the same', () => {
  const QUEUE = 'work';
  const MOST_US = 10_000;
  const message = '{"rq":1,"id":"m","at":1}\n1';

  /**
   * The command, how often it came from a connection or a script, and the longest time in which Redis was busy with it.
   */
  async function costOfLook(): Promise<{ readonly calls: string[]; readonly longestUs: number }> {
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    // A connection sends the text of a script twice, with and without its check of permissions.
    for (let before = 0; before < 2; before += 1) await admin.overview([QUEUE]);
    let longestUs = Infinity;
    let calls: string[] = [];
    // Redis counts elapsed time, and on a busy machine it does not always run: so the best of several tries counts.
    for (let round = 0; round < 10 && longestUs > MOST_US; round += 1) {
      await rig.commands.config('RESETSTAT');
      await admin.overview([QUEUE]);
      const stats = await rig.commands.info('commandstats');
      const found = [...stats.matchAll(/^cmdstat_(evalsha|eval|hkeys):calls=(\d+),usec=(\d+)/gm)];
      calls = found.map(([, name, count]) => `${name} ${count}`);
      longestUs = Math.max(...found.map(([, , , us]) => Number(us)));
    }
    return { calls, longestUs };
  }

  async function fill(count: number): Promise<void> {
    const script = 'for i = 1, ARGV[1] / 1000 do redis.call("RPUSH", KEYS[1], unpack(ARGV, 2)) end';
    const thousand = Array.from({ length: 1_000 }, () => message);
    await rig.commands.eval(script, 1, `${rig.prefix}:{${QUEUE}}:waiting`, count, ...thousand);
  }

  async function putAtHead(bytes: number): Promise<void> {
    await rig.commands.lpush(`${rig.prefix}:{${QUEUE}}:waiting`, Buffer.alloc(bytes, 'x'));
  }

  async function look(): Promise<QueueOverview | undefined> {
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    return (await admin.overview([QUEUE])).queues[0];
  }

  test('with a million messages', async () => {
    await fill(1_000_000);
    expect(await look()).toMatchObject({ waiting: 1_000_000, oldestAgeMs: expect.any(Number) });
    const { calls, longestUs } = await costOfLook();
    // The script asks which priorities are in use.
    expect(calls.toSorted()).toEqual(['evalsha 1', 'hkeys 1']);
    expect(longestUs).toBeLessThan(MOST_US);
  });

  test('with twenty thousand keys in use, of which it sees a part', async () => {
    const client = rig.client();
    const records = Array.from({ length: 20_000 }, (_, n) =>
      new RedisQueueRecordBuilder('x'.repeat(500)).key(`customer-${n}`).build(),
    );
    await client.enqueueMany(QUEUE, [...records, ...records]);
    const { calls, longestUs } = await costOfLook();
    expect(calls.toSorted()).toEqual(['evalsha 1', 'hkeys 1']);
    expect(longestUs).toBeLessThan(MOST_US);
    const seen = await look();
    expect(seen).toMatchObject({ inLanes: 20_000, longestLane: 1 });
    expect(seen?.lanes).toBeGreaterThan(100);
    expect(seen?.lanes).toBeLessThanOrEqual(200);
  });

  test('with large messages in lanes, of which it reads few', async () => {
    const client = rig.client({ parkAboveBytes: false });
    const records = Array.from({ length: 40 }, (_, n) =>
      new RedisQueueRecordBuilder('x'.repeat(900_000)).key(`customer-${n}`).build(),
    );
    await client.enqueueMany(QUEUE, [...records, ...records]);
    const { longestUs } = await costOfLook();
    expect(longestUs).toBeLessThan(MOST_US);
    expect(await look()).toMatchObject({ lanes: 40, oldestAgeMs: expect.any(Number) });
  });

  test.each([
    ['alone', 0],
    ['before a million messages', 1_000_000],
  ])('with a giant message at the head, %s, whose age stays unknown', async (_, behind) => {
    if (behind > 0) await fill(behind);
    await putAtHead(100_000_000);
    expect(await look()).toMatchObject({ waiting: behind + 1, oldestAgeMs: undefined });
    const { calls, longestUs } = await costOfLook();
    // The script asks which priorities are in use.
    expect(calls.toSorted()).toEqual(['evalsha 1', 'hkeys 1']);
    expect(longestUs).toBeLessThan(MOST_US);
  });

  test.each([100, 16_000, 200_000, 900_000])(
    'and returns the age of a message of %d bytes',
    async (bytes) => {
      const client = rig.client({ parkAboveBytes: false });
      await client.enqueue(QUEUE, 'x'.repeat(bytes));
      expect(await look()).toMatchObject({ waiting: 1, oldestAgeMs: expect.any(Number) });
    },
  );

  test('and returns the age of a message of 16 KiB before many small ones', async () => {
    const client = rig.client();
    await client.enqueue(QUEUE, 'x'.repeat(16_000));
    await fill(10_000);
    expect(await look()).toMatchObject({ oldestAgeMs: expect.any(Number) });
  });
});
