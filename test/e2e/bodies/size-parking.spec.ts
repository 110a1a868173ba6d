import { beforeEach, describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import {
  DeadLetter,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import type {
  RedisQueueClientOptions,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { queueKey } from '../../support/queue-dump.js';
import { controllerOf } from '../delivery/controller.js';
import type { Handle } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';

const rig = nestRig();

const LARGE = 'ä'.repeat(5_000);
/** A client that parks bodies of more than 1 kB and compresses none. */
const PARKING: RedisQueueClientOptions = { parkAboveBytes: 1_000, compressAboveBytes: false };

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

const parkedKey = (): string => queueKey(rig.prefix, 'work', 'parked');

/** How many bodies are parked. */
const parked = (): Promise<number> => rig.commands.hlen(parkedKey());

async function enqueue(...messages: unknown[]): Promise<void> {
  const client = rig.client(PARKING);
  await Promise.all(messages.map((message) => lastValueFrom(client.enqueue('work', message))));
}

/** Serves `work`, and returns what its handler got. */
async function serve(
  handle: Handle = () => undefined,
  options: RedisQueueServerOptions = {},
): Promise<unknown[]> {
  const heard: unknown[] = [];
  const controller = controllerOf('work', (data, context) => {
    heard.push(data);
    return handle(data, context);
  });
  await rig.serve({ controllers: [controller] }, options);
  return heard;
}

async function expectAtRest(expected: { dead?: number; parked: number }): Promise<void> {
  await eventually(async () => {
    const { waiting, processing, delayed, dead } = await admin.lengths('work');
    expect({ waiting, processing, delayed, dead, parked: await parked() }).toEqual({
      waiting: 0,
      processing: 0,
      delayed: 0,
      dead: expected.dead ?? 0,
      parked: expected.parked,
    });
  });
}

describe('a body over the threshold', () => {
  test('is parked, and the header has its name', async () => {
    await enqueue(LARGE, 'small');

    const elements = await rig.commands.lrange(rig.queue('work').waitingKey, 0, -1);
    expect(elements.map((element) => element.length < 200)).toEqual([true, true]);
    const names = elements.map(
      (element) => /^\{"rq":1,"parked":"([\w-]{16})","id":/.exec(element)?.[1],
    );
    expect(names).toEqual([expect.any(String), undefined]);
    expect(await rig.commands.hgetall(parkedKey())).toEqual({ [names[0]!]: JSON.stringify(LARGE) });
    await admin.purge('work');
  });

  test('never gets the name of another one, no matter what is deleted by hand meanwhile', async () => {
    await enqueue(`1${LARGE}`, `2${LARGE}`);
    await rig.commands.del(queueKey(rig.prefix, 'work', 'counts'));
    await enqueue(`3${LARGE}`, `4${LARGE}`);
    expect(await parked()).toBe(4);

    const heard = await serve(undefined, { concurrency: 1 });

    await eventually(() =>
      expect(heard.map((text) => String(text)[0])).toEqual(['1', '2', '3', '4']),
    );
    await expectAtRest({ parked: 0 });
  });

  test('goes through no script', async () => {
    await rig.commands.config('SET', 'slowlog-log-slower-than', 0);
    await rig.commands.config('SET', 'slowlog-max-len', 10_000);
    await enqueue(LARGE, new RedisQueueRecordBuilder(LARGE).delay(1).build());
    const heard = await serve();
    await eventually(() => expect(heard).toHaveLength(2));
    await expectAtRest({ parked: 0 });

    const log = (await rig.commands.slowlog('GET', 10_000)) as [number, number, number, string[]][];
    const scripts = log.map(([, , , words]) => words).filter(([name = '']) => /^eval/i.test(name));
    // Redis shortens long arguments and says by how much. It does so with scripts too.
    const rest = scripts.flatMap(([, , ...words]) => words);
    expect(scripts.length).toBeGreaterThan(2);
    expect(rest.filter((word) => word.endsWith('more bytes)'))).toEqual([]);
    await rig.commands.config('SET', 'slowlog-log-slower-than', 10_000);
  });

  test('is not kept for a message that is refused, or that Redis already holds', async () => {
    const once = (): unknown =>
      new RedisQueueRecordBuilder(LARGE).id('a').deduplicate(60_000).build();
    await enqueue(once());
    await enqueue(once(), once());
    expect(await parked()).toBe(1);

    await rig.commands.set(queueKey(rig.prefix, 'other', 'waiting'), 'text');
    const refused = lastValueFrom(rig.client(PARKING).enqueue('other', LARGE));
    await expect(refused).rejects.toMatchObject({ code: 'REDIS_REFUSED', reply: 'WRONGTYPE' });
    await eventually(async () =>
      expect(await rig.commands.exists(queueKey(rig.prefix, 'other', 'parked'))).toBe(0),
    );
    await rig.commands.del(queueKey(rig.prefix, 'other', 'waiting'));
    await admin.purge('work');
  });

  test('is held for a user who may not begin a transaction, and refused for one who may not park', async () => {
    const { port } = rig.redis;
    const heard = await serve();
    for (const [user, lacks] of [
      ['one', ['-multi']],
      ['two', ['-exec']],
      // It may still count the first message of a key.
      ['three', ['-hsetnx', '(~*:lanes +hsetnx)']],
    ] as const) {
      const rules = ['on', '>secret', '~*', '&*', '+@all', ...lacks];
      await rig.commands.call('ACL', 'SETUSER', user, ...rules);
      const connection = `redis://${user}:secret@127.0.0.1:${port}`;
      const client = rig.client({ ...PARKING, connection });
      const sending = lastValueFrom(client.enqueue('work', LARGE));
      if (user === 'one') expect(await sending).toMatchObject({ isDuplicate: false });
      else await expect(sending).rejects.toMatchObject({ code: 'REDIS_REFUSED', reply: 'NOPERM' });
      // Nothing of the refused attempt is in the way of what follows on that connection.
      await lastValueFrom(client.enqueue('work', user));
    }
    await eventually(() => expect(heard.toSorted()).toEqual(['one', 'three', 'two', LARGE]));
    await expectAtRest({ parked: 0 });
    for (const user of ['one', 'two', 'three']) await rig.commands.call('ACL', 'DELUSER', user);
  });

  test('is never parked if parking is switched off', async () => {
    await lastValueFrom(rig.client({ ...PARKING, parkAboveBytes: false }).enqueue('work', LARGE));
    expect(await parked()).toBe(0);
  });

  test('goes back to a full queue in order, and leaves nothing behind', async () => {
    await enqueue(LARGE, 'small', LARGE);
    const heard = await serve(undefined, { concurrency: 1 });
    await eventually(() => expect(heard).toEqual([LARGE, 'small', LARGE]));
    await expectAtRest({ parked: 0 });
  });

  test('reaches a consumer that waits, and arrives with requests', async () => {
    const heard = await serve((data) => data);
    const client = rig.client(PARKING);
    await lastValueFrom(client.enqueue('work', LARGE));
    expect(await lastValueFrom(client.send('work', LARGE))).toBe(LARGE);
    await expectAtRest({ parked: 0 });
    expect(heard).toEqual([LARGE, LARGE]);
  });

  test('is shown by the admin: waiting, delayed and dead-lettered', async () => {
    await enqueue(LARGE, new RedisQueueRecordBuilder(LARGE).delay(3_600_000).build());
    expect((await admin.peek('work')).map(({ data }) => data)).toEqual([LARGE]);
    expect((await admin.delayed('work')).map(({ data }) => data)).toEqual([LARGE]);
    await serve(() => {
      throw new DeadLetter('no');
    });
    await expectDead(1);
    const { letters } = await admin.deadLetters('work');
    expect(letters.map(({ data }) => data)).toEqual([LARGE]);
    await admin.purge('work');
    await admin.deleteDeadLetters('work');
  });
});

async function expectDead(count: number): Promise<void> {
  await eventually(async () => expect((await admin.lengths('work')).dead).toBe(count));
}

describe('a parked body goes with its message', () => {
  test('after retries, with and without a pause', async () => {
    await enqueue(LARGE);
    const heard = await serve((_data, context) => {
      if (context.getAttempt() === 1) throw new RetryLater({ delayMs: 0 });
      if (context.getAttempt() === 2) throw new RetryLater({ delayMs: 20 });
    });
    await eventually(() => expect(heard).toEqual([LARGE, LARGE, LARGE]));
    await expectAtRest({ parked: 0 });
  });

  test('when it is redriven and handled', async () => {
    await enqueue(LARGE);
    let isBroken = true;
    const heard = await serve(() => {
      if (isBroken) throw new DeadLetter('broken');
    });
    await expectAtRest({ dead: 1, parked: 1 });
    isBroken = false;
    await admin.redriveAll('work');
    await eventually(() => expect(heard).toEqual([LARGE, LARGE]));
    await expectAtRest({ parked: 0 });
  });

  test('when its dead letter is deleted', async () => {
    await enqueue(LARGE, LARGE);
    await serve(() => {
      throw new DeadLetter('broken');
    });
    await expectAtRest({ dead: 2, parked: 2 });
    const { letters } = await admin.deadLetters('work');
    await admin.deleteDeadLetter('work', letters[0]!.entry);
    await expectAtRest({ dead: 1, parked: 1 });
    await admin.deleteDeadLetters('work');
    await admin.resume('work');
    await expectAtRest({ parked: 0 });
  });

  test('when its dead letter is dropped by deadLetterLimit', async () => {
    await enqueue(LARGE, LARGE, LARGE);
    const fail = (): never => {
      throw new DeadLetter('broken');
    };
    await serve(fail, { deadLetterLimit: 1, concurrency: 1 });
    await expectAtRest({ dead: 1, parked: 1 });
    expect((await admin.deadLetters('work')).letters.map(({ data }) => data)).toEqual([LARGE]);
    await admin.deleteDeadLetters('work');
  });

  test('when its dead letter is dropped by deadLetterMaxAgeMs', async () => {
    await enqueue(LARGE);
    const fail = (): never => {
      throw new DeadLetter('broken');
    };
    await serve(fail, { deadLetterMaxAgeMs: 10, leaseMs: 1_000 });
    await eventually(async () => expect((await admin.lengths('work')).deadLettersDropped).toBe(1));
    await expectAtRest({ parked: 0 });
  });

  test('when it expires', async () => {
    await enqueue(new RedisQueueRecordBuilder(LARGE).expiresIn(1).build());
    await eventually(async () => {
      const [seconds] = await rig.commands.time();
      expect(Number(seconds) * 1_000).toBeGreaterThan(
        (await admin.peek('work'))[0]!.sentAt!.getTime(),
      );
    });
    const heard = await serve();
    await expectAtRest({ parked: 0 });
    expect(heard).toEqual([]);
    expect((await admin.lengths('work')).expired).toBe(1);
  });

  test('when it is handled once, and when it is skipped as a repetition', async () => {
    const message = new RedisQueueRecordBuilder(LARGE).id('a').build();
    const heard = await serve(undefined, { once: { windowMs: 60_000 } });
    await enqueue(message);
    await expectAtRest({ parked: 0 });
    await enqueue(message);
    await eventually(async () => expect((await admin.lengths('work')).repeated).toBe(1));
    await expectAtRest({ parked: 0 });
    expect(heard).toEqual([LARGE]);
  });

  test('when the queue is purged', async () => {
    await enqueue(LARGE, 'small', new RedisQueueRecordBuilder(LARGE).delay(3_600_000).build());
    expect(await parked()).toBe(2);
    await admin.purge('work');
    await expectAtRest({ parked: 0 });
  });

  test('when the queue is purged of more than one call looks at, without touching other messages', async () => {
    await enqueue(LARGE);
    await serve(() => {
      throw new DeadLetter('no');
    });
    await expectDead(1);
    await admin.pause('work');
    const small = Array.from({ length: 2_500 }, (_, index) => index);
    await enqueue(...small, LARGE, new RedisQueueRecordBuilder(LARGE).delay(3_600_000).build());
    expect(await admin.purge('work')).toBe(2_502);
    await expectAtRest({ dead: 1, parked: 1 });
    await admin.deleteDeadLetters('work');
  });

  test('and is not parked at all for a message that Redis already holds', async () => {
    const message = new RedisQueueRecordBuilder(LARGE).id('a').deduplicate(60_000).build();
    await enqueue(message, message);
    expect(await parked()).toBe(1);
    await admin.purge('work');
  });
});

describe('a durable event over the threshold', () => {
  const queueOf = (group: string): string => `@${group}/happened`;
  const parkedIn = (group: string): Promise<number> =>
    rig.commands.hlen(queueKey(rig.prefix, queueOf(group), 'parked'));

  test('is parked for each group, whole for listeners, and leaves nothing behind', async () => {
    await admin.declare('happened', { groups: ['a', 'b'] });
    const heard: unknown[] = [];
    @Controller()
    class HearingController {
      @EventPattern<string>('happened')
      onHappened(data: unknown): void {
        heard.push(data);
      }

      @EventPattern('happened', { group: 'a' })
      onceForGroup(data: unknown): void {
        heard.push(data);
      }
    }
    await rig.serve({ controllers: [HearingController] });

    await lastValueFrom(rig.client(PARKING).emit('happened', LARGE));

    await eventually(() => expect(heard).toEqual([LARGE, LARGE]));
    await eventually(async () =>
      expect([await parkedIn('a'), await parkedIn('b')]).toEqual([0, 1]),
    );
    expect((await admin.peek(queueOf('b'))).map(({ data }) => data)).toEqual([LARGE]);
    await admin.retire('happened', 'b', { waiting: 'drop' });
    expect(await parkedIn('b')).toBe(0);
  });

  test('is whole in a history, and in what a group gets from one', async () => {
    const client = rig.client({
      ...PARKING,
      declare: { happened: { groups: ['replayed'], history: { maxLength: 10 } } },
    });
    await lastValueFrom(client.emit('happened', LARGE));
    await admin.purge(queueOf('replayed'));
    await admin.replay('happened', 'replayed');
    const heard: unknown[] = [];
    const hear: Handle = (data) => heard.push(data);
    const controllers = [
      eventControllerOf('happened', hear, { group: 'filled', from: 'earliest' }),
      eventControllerOf('happened', hear, { group: 'replayed' }),
    ];
    expect((await admin.history('happened')).events).toMatchObject([{ data: LARGE }]);
    const key = queueKey(rig.prefix, queueOf('replayed'), 'waiting');
    expect((await rig.commands.lindex(key, 0))?.length).toBeGreaterThan(LARGE.length);

    await rig.serve({ controllers });

    await eventually(() => expect(heard).toEqual([LARGE, LARGE]));
    expect([await parkedIn('filled'), await parkedIn('replayed')]).toEqual([0, 0]);
  });
});

test('a message whose parked body is gone becomes a dead letter that says so', async () => {
  await enqueue(LARGE, 'small');
  await rig.commands.del(parkedKey());
  const heard = await serve();
  await expectAtRest({ dead: 1, parked: 0 });
  const { letters } = await admin.deadLetters('work');
  expect(letters[0]).toMatchObject({ reason: 'undecodable' });
  expect(letters[0]?.error.message).toMatch(/parked as "[\w-]+"/);
  await eventually(() => expect(heard).toEqual(['small']));
});

test("a user's header with the same name as the mark for parked bodies has no effect on bodies", async () => {
  await enqueue(LARGE, new RedisQueueRecordBuilder('small').headers({ parked: '1' }).build());
  const heard = await serve((data) => {
    if (data === LARGE) throw new RetryLater({ delayMs: 60_000 });
  });
  await eventually(() => expect(heard).toContain('small'));
  await eventually(async () => expect((await admin.lengths('work')).processing).toBe(0));
  expect(await parked()).toBe(1);
  await admin.purge('work');
});

test.each([['256'], [-1], [1.5], [true]])('parkAboveBytes %j is refused', (parkAboveBytes) => {
  expect(() => rig.client({ parkAboveBytes: parkAboveBytes as number })).toThrow(
    `parkAboveBytes must be a whole number of bytes ≥ 0, or false, got ${JSON.stringify(parkAboveBytes)}`,
  );
});
