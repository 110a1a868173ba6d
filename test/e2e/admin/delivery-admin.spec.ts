import { beforeEach, describe, expect, test } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  InvalidOptionError,
  InvalidPatternError,
  RedisQueueAdmin,
  RedisQueueModule,
  RedisQueueRecordBuilder,
  RedisRefusedError,
  RedisUnavailableError,
} from 'nestjs-redis-queue-transport';
import type { DelayedMessage } from 'nestjs-redis-queue-transport';
import { findFreePort } from 'local-redis';
import { lastValueFrom } from 'rxjs';
import { brief } from '../../support/brief.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { Monitor } from '../../support/monitor.js';
import { nestRig } from '../../support/nest-rig.js';
import { queueKey } from '../../support/queue-dump.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

const delayed = (data: unknown, delayMs: number): unknown =>
  new RedisQueueRecordBuilder(data).delay(delayMs).build();

async function enqueue(...messages: unknown[]): Promise<void> {
  const client = rig.client();
  for (const message of messages) await lastValueFrom(client.enqueue('work', message));
}

/** Consumers that block while they wait for a message. */
async function blocked(): Promise<number> {
  const list = String(await rig.commands.client('LIST'));
  return list.split('\n').filter((line) => / name=rq-wait-.* flags=b /.test(line)).length;
}

/** Collects what "work" gets. Once "other" gets a message, a whole round has been made. */
async function serveAndKeep(concurrency = 100): Promise<unknown[]> {
  const handled: unknown[] = [];
  const work = controllerOf('work', (data) => void handled.push(data));
  const other = controllerOf('other', (data) => data);
  await rig.serve({ controllers: [work, other] }, { concurrency });
  return handled;
}

describe('the queues of a Redis', () => {
  test('are those that messages were pushed to or that were served, sorted by name', async () => {
    await rig.serve({ controllers: [controllerOf('served', () => undefined)] });
    const client = rig.client();
    await lastValueFrom(client.enqueue('pushed', 1));
    await lastValueFrom(client.enqueue({ cmd: 'sum' }, 1));
    await lastValueFrom(client.enqueue('delayed', delayed(1, 60_000)));

    expect(await admin.queues()).toEqual(['delayed', 'pushed', 'served', '{"cmd":"sum"}']);
  });

  test('are none at first', async () => {
    expect(await admin.queues()).toEqual([]);
  });

  test('are only those of its own prefix', async () => {
    await enqueue(1);
    const other = rig.closeLater(
      new RedisQueueAdmin({ ...rig.clientOptions(), prefix: `${rig.prefix}-other` }),
    );

    expect(await other.queues()).toEqual([]);
    expect((await other.lengths('work')).waiting).toBe(0);
  });
});

describe('the lengths of a queue', () => {
  test('count every message in it', async () => {
    const gate = new Gate();
    const controller = controllerOf('work', async (data) => {
      if (data === 'bad') throw new Error('bad');
      await gate.opened;
    });
    const options = { concurrency: 2, retry: { attempts: 1 } };
    await rig.serve({ controllers: [controller] }, options);
    await enqueue('bad', 'runs', 'runs', 'waits', 'waits', 'waits', delayed('later', 60_000));

    await eventually(async () => {
      expect(await admin.lengths('work')).toEqual({
        waiting: 3,
        byPriority: { 4: 3 },
        inLanes: 0,
        unkeyed: 0,
        suspects: 0,
        processing: 2,
        delayed: 1,
        dead: 1,
        consumers: 1,
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
      });
    });

    gate.open();
    await eventually(async () => {
      expect(await admin.lengths('work')).toMatchObject({ waiting: 0, processing: 0, delayed: 1 });
    });
  });

  test('cost no more for thousands of consumers with an ended lease, except for those that hold something', async () => {
    const names = Array.from({ length: 2_500 }, (_, n) => `host-1-${n}`);
    const fenced = queueKey(rig.prefix, 'work', 'fenced');
    const until = Date.now() + 900_000;
    await rig.commands.zadd(fenced, ...names.flatMap((name, n) => [until + n, name]));
    const list = queueKey(rig.prefix, 'work', `processing:${names[2_400]}`);
    await rig.commands.rpush(list, '1', '2');
    await rig.commands.config('RESETSTAT');

    expect(await admin.lengths('work')).toMatchObject({ processing: 2, consumers: 0 });

    // They are checked by the thousand. Only the last five hundred, one of which holds something, are read one by one.
    const calls = /cmdstat_llen:calls=(\d+)/.exec(await rig.commands.info('commandstats'))?.[1];
    expect(Number(calls)).toBeLessThan(600);
    await rig.commands.del(list);
  });

  test('are zero for a queue that nobody knows', async () => {
    expect(await admin.lengths('unknown')).toMatchObject({ waiting: 0, consumers: 0, dead: 0 });
  });
});

describe('peeking', () => {
  test('shows the messages that wait, the next one first, and takes none', async () => {
    const record = new RedisQueueRecordBuilder({ n: 1 }).id('a').headers({ h: '1' }).build();
    await enqueue(record, 'second');

    const [first, second] = await admin.peek('work');

    expect(first).toMatchObject({ id: 'a', attempt: 1, headers: { h: '1' }, data: { n: 1 } });
    expect(first!.sentAt).toBeInstanceOf(Date);
    expect(second).toMatchObject({ data: 'second', headers: {} });
    expect(first!.element).toEqual(
      (await rig.commands.lrangeBuffer(rig.queue('work').waitingKey, 0, 0))[0],
    );
    expect((await admin.lengths('work')).waiting).toBe(2);
  });

  test('goes page by page, 100 messages by default', async () => {
    await enqueue(...Array.from({ length: 105 }, (_, n) => n));
    const dataOf = async (page: object): Promise<unknown[]> =>
      (await admin.peek('work', page)).map(({ data }) => data);

    expect(await admin.peek('work')).toHaveLength(100);
    expect(await dataOf({ limit: 2 })).toEqual([0, 1]);
    expect(await dataOf({ offset: 2, limit: 2 })).toEqual([2, 3]);
    expect(await dataOf({ offset: 103 })).toEqual([103, 104]);
    expect(await dataOf({ offset: 105 })).toEqual([]);
  });

  test('shows messages that cannot be read too', async () => {
    const elements = [Buffer.from([0xff, 0x00]), Buffer.from('{"rq":2}\n{}'), Buffer.from('')];
    await rig.commands.rpush(rig.queue('work').waitingKey, ...elements, '{"plain":1}');

    const messages = await admin.peek('work');

    expect(messages.map(({ element }) => element).slice(0, 3)).toEqual(elements);
    expect(messages.map(({ id }) => id)).toEqual([undefined, undefined, undefined, undefined]);
    expect(messages[0]!.data).toBeUndefined();
    expect(messages[3]!.data).toEqual({ plain: 1 });
  });

  test.each<[{ limit?: number; offset?: number }, string]>([
    [{ limit: 0 }, 'limit'],
    [{ limit: -1 }, 'limit'],
    [{ limit: 1.5 }, 'limit'],
    [{ limit: NaN }, 'limit'],
    [{ offset: -1 }, 'offset'],
    [{ offset: 0.5 }, 'offset'],
  ])('refuses a page of %p, as does every other list', async (page, option) => {
    await enqueue(1, 2, delayed(3, 60_000));
    const refusal: unknown = expect.objectContaining({ name: InvalidOptionError.name, option });

    await expect(admin.peek('work', page)).rejects.toEqual(refusal);
    await expect(admin.delayed('work', page)).rejects.toEqual(refusal);
    if (option === 'limit') await expect(admin.deadLetters('work', page)).rejects.toEqual(refusal);
  });
});

describe('a paused queue', () => {
  /** Resolves when the consumers know of the pause: none blocks any more. */
  async function pauseAndWait(): Promise<void> {
    const others = 1; // the consumer of "other" is not paused
    await admin.pause('work');
    await eventually(async () => expect(await blocked()).toBe(others));
  }

  test('hands nothing out to idle consumers, accepts messages, and goes on once resumed', async () => {
    const handled = await serveAndKeep();
    await eventually(async () => expect(await blocked()).toBe(2));
    await pauseAndWait();

    await enqueue('a', 'b', 'c', delayed('d', 1));
    await eventually(async () => {
      const [due] = await admin.delayed('work');
      expect(due === undefined || due.dueAt.getTime() < Date.now()).toBe(true);
    });
    expect(await lastValueFrom(rig.client().send('other', 'round'))).toBe('round');

    expect(handled).toEqual([]);
    const { waiting, delayed: later, processing, isPaused } = await admin.lengths('work');
    expect({ all: waiting + later, processing, isPaused }).toEqual({
      all: 4,
      processing: 0,
      isPaused: true,
    });
    await admin.resume('work');
    await eventually(() => expect(handled).toHaveLength(4));
    expect(handled.filter((data) => data !== 'd')).toEqual(['a', 'b', 'c']);
    expect((await admin.lengths('work')).isPaused).toBe(false);
  });

  test('hands nothing out from the moment that it is paused, every time', async () => {
    const handled = await serveAndKeep();
    const client = rig.client();
    for (let round = 0; round < 20; round += 1) {
      await eventually(async () => expect(await blocked()).toBe(2));
      await admin.pause('work');

      await lastValueFrom(client.enqueue('work', round));

      await eventually(async () => {
        expect(await blocked()).toBe(1);
        expect(await admin.lengths('work')).toMatchObject({ waiting: 1, processing: 0 });
      });
      expect(handled).not.toContain(round);
      await admin.resume('work');
      await eventually(() => expect(handled).toContain(round));
    }
  });

  test('paused by hand hands out nothing if its consumers are told, and one more message if they are not', async () => {
    const handled = await serveAndKeep();
    const paused = `${rig.prefix}:{work}:paused`;
    const wake = `${rig.prefix}:{work}:wake`;
    await eventually(async () => expect(await blocked()).toBe(2));

    await rig.commands.set(paused, '1');
    await rig.commands.publish(wake, 'paused');
    await enqueue('a');
    await eventually(async () => expect(await blocked()).toBe(1));
    expect(handled).toEqual([]);
    await rig.commands.del(paused);
    await rig.commands.publish(wake, '');
    await eventually(() => expect(handled).toEqual(['a']));

    await eventually(async () => expect(await blocked()).toBe(2));
    await rig.commands.set(paused, '1');
    await enqueue('b', 'c');
    await eventually(() => expect(handled).toEqual(['a', 'b']));
    await eventually(async () => expect(await admin.lengths('work')).toMatchObject({ waiting: 1 }));
    expect(handled).toEqual(['a', 'b']);
    await rig.commands.del(paused);
    await rig.commands.publish(wake, '');
    await eventually(() => expect(handled).toEqual(['a', 'b', 'c']));
  });

  test('lets a busy consumer finish what it runs, and hands it nothing more', async () => {
    const gates = new Map([1, 2, 3, 4].map((n) => [n, new Gate()]));
    const started: unknown[] = [];
    const controller = controllerOf('work', async (data) => {
      started.push(data);
      await gates.get(Number(data))!.opened;
    });
    await rig.serve({ controllers: [controller] }, { concurrency: 2 });
    await enqueue(1, 2, 3, 4);
    await eventually(() => expect(started).toEqual([1, 2]));

    await admin.pause('work');
    gates.get(1)!.open();
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(1));
    gates.get(2)!.open();
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(0));

    expect(started).toEqual([1, 2]);
    expect((await admin.peek('work')).map(({ data }) => data)).toEqual([3, 4]);
    await admin.resume('work');
    await eventually(() => expect(started).toEqual([1, 2, 3, 4]));
    for (const gate of gates.values()) gate.open();
  });

  test('hands nothing out to a consumer that starts during the pause', async () => {
    await admin.pause('work');
    await enqueue('a', 'b');

    const handled = await serveAndKeep();
    expect(await lastValueFrom(rig.client().send('other', 'round'))).toBe('round');
    await eventually(async () => expect(await blocked()).toBe(1));

    expect(handled).toEqual([]);
    expect(await admin.lengths('work')).toMatchObject({ waiting: 2, consumers: 1 });
    await admin.resume('work');
    await eventually(() => expect(handled).toEqual(['a', 'b']));
  });

  test('does not affect other queues, and stays paused when its server restarts', async () => {
    const app = await rig.serve({ controllers: [controllerOf('work', () => undefined)] });
    await admin.pause('work');
    await app.close();
    await enqueue('a');

    const handled = await serveAndKeep();
    expect(await lastValueFrom(rig.client().send('other', 1))).toBe(1);

    expect(handled).toEqual([]);
    expect((await admin.lengths('other')).isPaused).toBe(false);
  });

  test('answers a request once it is resumed', async () => {
    const controller = controllerOf('work', (data) => data);
    await rig.serve({ controllers: [controller] });
    await admin.pause('work');
    await eventually(async () => expect(await blocked()).toBe(0));
    let isAnswered = false;
    const answer = lastValueFrom(rig.client().send('work', 'asked')).finally(() => {
      isAnswered = true;
    });
    await eventually(async () => expect((await admin.lengths('work')).waiting).toBe(1));
    expect(isAnswered).toBe(false);

    await admin.resume('work');

    expect(await answer).toBe('asked');
  });

  test('can be paused and resumed twice', async () => {
    const handled = await serveAndKeep();
    await admin.pause('work');
    await admin.pause('work');
    await enqueue('a');
    await admin.resume('work');
    await admin.resume('work');

    await eventually(() => expect(handled).toEqual(['a']));
  });

  test('stops and resumes all consumers of several servers', async () => {
    const lists = [await serveAndKeep(), await serveAndKeep(), await serveAndKeep()];
    await eventually(async () => expect(await blocked()).toBe(6));
    await admin.pause('work');
    await eventually(async () => expect(await blocked()).toBe(3));
    await enqueue(...Array.from({ length: 20 }, (_, n) => n));
    expect(lists.flat()).toEqual([]);

    await admin.resume('work');

    await eventually(() => expect(lists.flat()).toHaveLength(20));
  });
});

describe('delayed messages', () => {
  test('are listed page by page, the next one due first', async () => {
    const at = new Date(Date.now() + 3_600_000);
    const scheduled = new RedisQueueRecordBuilder('scheduled').id('s').deliverAt(at).build();
    await enqueue(delayed('last', 7_200_000), scheduled, delayed('first', 60_000));

    const all = await admin.delayed('work');

    expect(all.map(({ data }) => data)).toEqual(['first', 'scheduled', 'last']);
    expect(all[1]).toMatchObject({ id: 's', attempt: 1, dueAt: at });
    const [second] = await admin.delayed('work', { offset: 1, limit: 1 });
    expect(second).toEqual(all[1]);
    expect((await admin.lengths('work')).delayed).toBe(3);
  });

  test('can be made due at once, and reach an idle consumer', async () => {
    const handled = await serveAndKeep();
    await enqueue(delayed('a', 60_000), delayed('b', 120_000));
    await eventually(async () => expect(await blocked()).toBe(2));

    expect(await admin.advanceDelayed('work')).toBe(2);

    await eventually(() => expect(handled).toHaveLength(2));
    expect(await admin.advanceDelayed('work')).toBe(0);
  });

  test('are made due in the order in which they would have become due', async () => {
    const numbers = Array.from({ length: 120 }, (_, n) => n);
    // They are not sent in the order in which they are due.
    await enqueue(...numbers.map((n) => (n * 7) % 120).map((n) => delayed(n, 60_000 + n * 1_000)));

    expect(await admin.advanceDelayed('work')).toBe(120);

    const handled = await serveAndKeep(1);
    await eventually(() => expect(handled).toHaveLength(120));
    expect(handled).toEqual(numbers);
  });

  test('can be made due by a filter, over many pages', async () => {
    await enqueue(...Array.from({ length: 220 }, (_, n) => delayed(n, 60_000 + n)));
    const handled = await serveAndKeep();

    const isEven = ({ data }: DelayedMessage): boolean => Number(data) % 2 === 0;
    expect(await admin.advanceDelayed('work', isEven)).toBe(110);

    await eventually(() => expect(handled).toHaveLength(110));
    expect(handled.every((data) => Number(data) % 2 === 0)).toBe(true);
    expect((await admin.lengths('work')).delayed).toBe(110);
  });

  test('can be made due one by one, by id', async () => {
    const handled = await serveAndKeep();
    const client = rig.client();
    for (const id of ['a', 'b', 'c'])
      await client.enqueue('work', new RedisQueueRecordBuilder(id).id(id).delay(60_000).build());

    expect(await admin.advance('work', 'b')).toBe(true);

    await eventually(() => expect(handled).toEqual(['b']));
    expect((await admin.lengths('work')).delayed).toBe(2);
    expect(await admin.advance('work', 'b')).toBe(false);
    await client.enqueue('other-queue', new RedisQueueRecordBuilder('d').id('d').build());
    expect(await admin.advance('other-queue', 'd')).toBe(false);
  });
});

describe('removing one message', () => {
  const message = (id: string, data: unknown = id): RedisQueueRecordBuilder<unknown> =>
    new RedisQueueRecordBuilder(data).id(id);

  async function hold(...ids: string[]): Promise<void> {
    for (const id of ids) await rig.client().enqueue('work', message(id).build());
  }

  test('takes it from the waiting messages, and leaves all others in order', async () => {
    await hold('a', 'b', 'c', 'ab');

    expect(await admin.remove('work', 'b')).toBe('removed');

    expect((await admin.peek('work')).map(({ id }) => id)).toEqual(['a', 'c', 'ab']);
    expect(await admin.remove('work', 'b')).toBe('unknown');
  });

  test('takes it from the delayed messages', async () => {
    for (const id of ['a', 'b', 'c'])
      await rig.client().enqueue('work', message(id).delay(60_000).build());

    expect(await admin.remove('work', 'b')).toBe('removed');

    expect((await admin.delayed('work')).map(({ id }) => id)).toEqual(['a', 'c']);
  });

  test('takes it out of the suspects', async () => {
    const suspects = queueKey(rig.prefix, 'work', 'suspects');
    const suspect = (id: string): string => `{"rq":1,"crashes":1,"attempt":2,"id":"${id}"}\n1`;
    await rig.commands.rpush(suspects, suspect('a'), suspect('b'));

    expect(await admin.remove('work', 'a')).toBe('removed');

    expect(await rig.commands.lrange(suspects, 0, -1)).toEqual([suspect('b')]);
  });

  test('finds it among thousands', async () => {
    const client = rig.client();
    const ids = Array.from({ length: 5_000 }, (_, n) => `m${n}`);
    await client.enqueueMany(
      'work',
      ids.map((id) => message(id).build()),
    );

    for (const id of ['m0', 'm2500', 'm4999'])
      expect(await admin.remove('work', id)).toBe('removed');

    expect((await admin.lengths('work')).waiting).toBe(4_997);
    expect((await admin.peek('work', { limit: 1 }))[0]?.id).toBe('m1');
  });

  test.each(['waiting', 'delayed'] as const)(
    'reads large messages of other programs one by one, and small ones together: %s',
    async (place) => {
      const key = queueKey(rig.prefix, 'work', place);
      const add = (...elements: string[]): Promise<number> =>
        place === 'waiting'
          ? rig.commands.rpush(key, ...elements)
          : rig.commands.zadd(
              key,
              ...elements.flatMap((element) => [Date.now() + 60_000, element]),
            );
      const large = 'x'.repeat(2_000_000);
      const reads: number[] = [];
      const monitor = await Monitor.start(rig.redis.port, ({ source, words }) => {
        const [command = '', , from, to] = words;
        if (source === 'lua' && /^[LZ]RANGE$/i.test(command) && words[1] === key)
          reads.push(Math.abs(Number(to) - Number(from)) + 1);
      });
      rig.closeLater(monitor);
      /** How many were read with each call, until all were read. */
      const search = async (elements: number): Promise<readonly number[]> => {
        reads.length = 0;
        expect(await admin.remove('work', 'nowhere')).toBe('unknown');
        const sum = (): number => reads.reduce((total, read) => total + read, 0);
        await eventually(() => expect(sum()).toBeGreaterThanOrEqual(elements));
        return reads;
      };

      for (let n = 0; n < 10; n += 1) await add(`${n}${large}`);
      expect(Math.max(...(await search(10)))).toBe(1);

      await rig.commands.del(key);
      await add(...Array.from({ length: 20 }, (_, n) => `${n}`));
      expect(Math.max(...(await search(20)))).toBeGreaterThan(1);
      await rig.commands.del(key);
    },
  );

  test('removes the body that is parked with it, and no others', async () => {
    const parked = queueKey(rig.prefix, 'work', 'parked');
    const large = 'x'.repeat(100_000);
    const client = rig.client({ parkAboveBytes: 1_000, compressAboveBytes: false });
    await client.enqueue('work', message('a', large).build());
    await client.enqueue('work', message('b', large).build());
    expect(await rig.commands.hlen(parked)).toBe(2);

    expect(await admin.remove('work', 'a')).toBe('removed');

    expect(await rig.commands.hlen(parked)).toBe(1);
    const left = await admin.peek('work');
    expect(left.map(({ id, data }) => [id, brief(data)])).toEqual([['b', brief(large)]]);
    await admin.purge('work');
  });

  test('leaves a message alone that a consumer holds', async () => {
    const gate = new Gate();
    const ended: unknown[] = [];
    const controller = controllerOf('work', async (data) => {
      await gate.opened;
      ended.push(data);
    });
    await rig.serve({ controllers: [controller] }, { concurrency: 1, prefetch: 2 });
    await hold('runs', 'ready');
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(2));

    expect(await admin.remove('work', 'runs')).toBe('held');
    expect(await admin.remove('work', 'ready')).toBe('held');

    gate.open();
    await eventually(() => expect(ended).toEqual(['runs', 'ready']));
    await eventually(async () => expect(await admin.remove('work', 'runs')).toBe('unknown'));
  });

  test('removes one of several with the same id with each call', async () => {
    await hold('a', 'a');

    expect(await admin.remove('work', 'a')).toBe('removed');
    expect((await admin.lengths('work')).waiting).toBe(1);
    expect(await admin.remove('work', 'a')).toBe('removed');
    expect(await admin.remove('work', 'a')).toBe('unknown');
  });

  test('keeps the id taken for the window of deduplicate', async () => {
    const client = rig.client();
    const once = message('a').deduplicate(60_000).build();
    await client.enqueue('work', once);
    expect(await admin.remove('work', 'a')).toBe('removed');

    await client.enqueue('work', once);

    expect((await admin.lengths('work')).waiting).toBe(0);
  });

  test.each(['Grüße, "Welt" \\', '{"cmd":"sum"}', '日本語', '42', 'a b', '%d+', '\u0007'])(
    'finds an id that has to be escaped, or that occurs elsewhere too: %j',
    async (id) => {
      const others = rig.queue('work');
      // Written by a program that escapes everything that is not ASCII, as JSON allows.
      const ascii = JSON.stringify(id).replace(
        /[^ -~]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
      const decoys = [
        `{"rq":1,"id":"x","headers":{"h":${JSON.stringify(id)}}}\n1`,
        JSON.stringify(id),
      ];
      await rig.commands.rpush(queueKey(rig.prefix, 'work', 'waiting'), ...decoys);
      await rig.commands.rpush(
        queueKey(rig.prefix, 'work', 'waiting'),
        `{ "rq": 1, "at": 5, "id": ${ascii} }\n{"by":"another program"}`,
      );
      await rig.client().enqueue('work', message(id).build());

      expect(await admin.remove('work', id)).toBe('removed');
      expect(await admin.remove('work', id)).toBe('removed');
      expect(await admin.remove('work', id)).toBe('unknown');

      expect((await others.waiting()).map(String)).toEqual(decoys);
    },
  );

  test('finds nothing for dead letters, other queues, or an invalid id', async () => {
    await rig.commands.xadd(
      queueKey(rig.prefix, 'work', 'dead'),
      '*',
      'element',
      '{"rq":1,"id":"d","dead":{}}\n1',
    );
    await rig.client().enqueue('other-queue', message('a').build());

    expect(await admin.remove('work', 'd')).toBe('unknown');
    expect(await admin.remove('work', 'a')).toBe('unknown');
    await expect(admin.remove('work', '')).rejects.toThrow(InvalidOptionError);
    await expect(admin.remove('work', 7 as unknown as string)).rejects.toThrow(/id must be/);
    await expect(admin.advance('work', '')).rejects.toThrow(InvalidOptionError);
  });

  test('removes the messages of a group by its pattern', async () => {
    await admin.declare('happened', { groups: ['mail'] });
    await rig.client().emit('happened', message('e').build());

    expect(await admin.remove({ pattern: 'happened', group: 'mail' }, 'e')).toBe('removed');
  });
});

describe('purging', () => {
  test('removes waiting and delayed messages, and nothing else', async () => {
    const gate = new Gate();
    const started: unknown[] = [];
    const controller = controllerOf('work', async (data) => {
      started.push(data);
      if (data === 'dead') throw new Error('dead');
      await gate.opened;
    });
    await rig.serve({ controllers: [controller] }, { concurrency: 1, retry: { attempts: 1 } });
    await enqueue('dead', 'runs', 'waits', 'waits', delayed('later', 60_000));
    await eventually(() => expect(started).toEqual(['dead', 'runs']));

    expect(await admin.purge('work')).toBe(3);

    const lengths = { waiting: 0, processing: 1, delayed: 0, dead: 1 };
    expect(await admin.lengths('work')).toMatchObject(lengths);
    gate.open();
    await eventually(async () => {
      expect(await admin.lengths('work')).toMatchObject({ ...lengths, processing: 0 });
    });
    await enqueue('dead');
    await eventually(() => expect(started).toEqual(['dead', 'runs', 'dead']));
    expect(await admin.purge('work')).toBe(0);
  });
});

/** Every method, with arguments with which it would do something. */
const methods: Readonly<
  Record<string, (admin: RedisQueueAdmin, queue: string) => Promise<unknown>>
> = {
  lengths: (it, queue) => it.lengths(queue),
  peek: (it, queue) => it.peek(queue),
  delayed: (it, queue) => it.delayed(queue),
  advanceDelayed: (it, queue) => it.advanceDelayed(queue),
  deadLetters: (it, queue) => it.deadLetters(queue),
  deadLetter: (it, queue) => it.deadLetter(queue, '1-1'),
  redrive: (it, queue) => it.redrive(queue, '1-1'),
  redriveAll: (it, queue) => it.redriveAll(queue),
  deleteDeadLetter: (it, queue) => it.deleteDeadLetter(queue, '1-1'),
  deleteDeadLetters: (it, queue) => it.deleteDeadLetters(queue),
  pause: (it, queue) => it.pause(queue),
  resume: (it, queue) => it.resume(queue),
  advance: (it, queue) => it.advance(queue, 'a'),
  remove: (it, queue) => it.remove(queue, 'a'),
  purge: (it, queue) => it.purge(queue),
};
const names = Object.keys(methods);

describe('a Redis that is away', () => {
  test.each(['queues', ...names])('makes %s reject with RedisUnavailableError', async (name) => {
    const connection = `redis://127.0.0.1:${await findFreePort()}`;
    const alone = rig.closeLater(new RedisQueueAdmin({ connection, connectTimeoutMs: 50 }));

    const call = name === 'queues' ? alone.queues() : methods[name]!(alone, 'work');

    await expect(call).rejects.toThrow(RedisUnavailableError);
    await expect(call).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  });

  test('is used as soon as it is back', async () => {
    await enqueue(1);
    await admin.lengths('work');
    await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

    expect((await admin.lengths('work')).waiting).toBe(1);
  });
});

describe('an invalid queue name', () => {
  test.each(names)('makes %s reject with InvalidPatternError', async (name) => {
    await expect(methods[name]!(admin, '')).rejects.toThrow(InvalidPatternError);
    await expect(methods[name]!(admin, '}x')).rejects.toThrow(InvalidPatternError);
  });

  test('makes calls reject with the type of the refusal if its key has another type', async () => {
    for (const what of ['waiting', 'delayed', 'dead'])
      await rig.commands.set(queueKey(rig.prefix, 'work', what), 'taken by somebody else');
    const refusal: unknown = expect.objectContaining({
      name: RedisRefusedError.name,
      reply: 'WRONGTYPE',
    });

    for (const name of ['lengths', 'peek', 'delayed', 'advanceDelayed', 'deadLetters', 'purge'])
      await expect(methods[name]!(admin, 'work')).rejects.toEqual(refusal);
  });
});

describe('the options of an admin', () => {
  test.each<[object, RegExp]>([
    [{ prefix: '' }, /prefix must be text without braces/],
    [{ connectTimeoutMs: -1 }, /connectTimeoutMs must be a whole number/],
    [{ conection: 'x' }, /RedisQueueAdmin has no option conection; did you mean connection\?/],
    [{ connection: 'http://x' }, /connection must be a URL like redis:/],
  ])('%j are refused', (options, message) => {
    expect(() => new RedisQueueAdmin(options)).toThrow(InvalidOptionError);
    expect(() => new RedisQueueAdmin(options)).toThrow(message);
  });
});

describe('RedisQueueModule', () => {
  @Injectable()
  class OpsService {
    constructor(readonly admin: RedisQueueAdmin) {}
  }

  async function injected(module: DynamicModule): Promise<OpsService> {
    @Module({ imports: [module], providers: [OpsService] })
    class OpsModule {}
    const app = await Test.createTestingModule({ imports: [OpsModule] }).compile();
    rig.closeLater(app);
    return app.get(OpsService, { strict: false });
  }

  test.each<[string, () => DynamicModule]>([
    ['register', () => RedisQueueModule.register(rig.clientOptions())],
    [
      'register under a name',
      () => RedisQueueModule.register({ ...rig.clientOptions(), name: 'QUEUES' }),
    ],
    [
      'registerAsync with useFactory',
      () => RedisQueueModule.registerAsync({ useFactory: async () => rig.clientOptions() }),
    ],
    [
      'registerAsync with useClass',
      () => {
        class Options {
          createRedisQueueOptions = () => rig.clientOptions();
        }
        return RedisQueueModule.registerAsync({ useClass: Options });
      },
    ],
    [
      'register with options that only clients have',
      () => RedisQueueModule.register({ ...rig.clientOptions(), requestTimeoutMs: 5 }),
    ],
  ])('%s provides an admin with the same connection and prefix', async (_, module) => {
    await enqueue('a');

    const ops = await injected(module());

    expect(await ops.admin.queues()).toEqual(['work']);
    expect((await ops.admin.lengths('work')).waiting).toBe(1);
  });

  test('closes its admin with the app, and opens a connection only when it is used', async () => {
    const app = await Test.createTestingModule({
      imports: [RedisQueueModule.register(rig.clientOptions())],
    }).compile();
    const own = app.get(RedisQueueAdmin, { strict: false });
    const connections = async (): Promise<string[]> =>
      (await rig.connections()).filter((name) => name.startsWith('rq-admin'));
    expect(await connections()).toHaveLength(0);
    await own.queues();
    expect(await connections()).toHaveLength(1);

    await app.close();

    await eventually(async () => expect(await connections()).toHaveLength(0));
    await expect(own.queues()).rejects.toThrow(RedisUnavailableError);
    await own.close();
  });
});
