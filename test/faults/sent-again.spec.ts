import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  OutcomeUnknownError,
  RedisQueueClient,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueClientOptions } from 'nestjs-redis-queue-transport';
import { idOf } from '../support/element.js';
import { eventually } from '../support/eventually.js';
import { historyIds } from '../support/history-dump.js';
import { Proxy } from '../support/proxy.js';
import { dumpQueue } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { Stopwatch } from '../support/stopwatch.js';
import { isEmit, isHold, isPush } from './commands.js';

const rig = redisRig({ settings: { appendonly: 'yes', appendfsync: 'always' } });

jest.setTimeout(timeFor(5, 60_000));

const WINDOW_MS = 60_000;
const PATTERN = 'order.placed';
const GROUPS = ['billing', 'mail'];

let proxy: Proxy;
let client: RedisQueueClient;

beforeEach(async () => {
  Logger.overrideLogger(false);
  rig.mayRemain(/}[^:]*:parked$/);
  proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  client = await connected();
});

async function connected(options: RedisQueueClientOptions = {}): Promise<RedisQueueClient> {
  const opened = rig.closeLater(
    new RedisQueueClient({
      connection: proxy.url,
      prefix: rig.prefix,
      parkAboveBytes: 1_000,
      compressAboveBytes: false,
      declare: { [PATTERN]: { groups: GROUPS, history: { maxLength: 10_000 } } },
      ...options,
    }),
  );
  await opened.connect();
  return opened;
}

function once(id: string): { id: string; deduplicateMs: number } {
  return { id, deduplicateMs: WINDOW_MS };
}

async function idsOf(queue: string): Promise<string[]> {
  return (await dumpQueue(rig.commands, rig.prefix, queue)).waiting.map(idOf);
}

async function failureOf(call: PromiseLike<unknown>): Promise<OutcomeUnknownError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(OutcomeUnknownError);
  return error as OutcomeUnknownError; // the line above asserts it
}

describe('a message with an id and deduplicateMs whose outcome is unknown', () => {
  test('is sent again by itself, and held once', async () => {
    proxy.dropReply(isHold);
    expect(await client.enqueue('work', { id: 'held' }, once('held'))).toMatchObject({
      id: 'held',
      isDuplicate: true, // Redis has it from the first try
    });
    proxy.dropRequest(isHold);
    expect(await client.enqueue('work', { id: 'lost' }, once('lost'))).toMatchObject({
      id: 'lost',
      isDuplicate: false,
    });
    expect(await idsOf('work')).toEqual(['held', 'lost']);
  });

  test('is sent as it was, no matter what its sender does with the objects meanwhile', async () => {
    const headers = { tenant: 'acme' };
    const body = Buffer.from('as it was');
    const fault = proxy.dropRequest(isHold);

    const call = client.enqueue('work', body, { ...once('a'), headers });
    await fault.happened;
    headers.tenant = 'other';
    body.fill(0);
    await call;

    const [element] = (await dumpQueue(rig.commands, rig.prefix, 'work')).waiting;
    expect(element?.toString()).toContain('"headers":{"tenant":"acme"}');
    expect(element?.toString()).not.toContain('other');
  });

  test(`is held once no matter how often answers are lost; so are the copies of an event (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const sent: string[] = [];
    for (let round = 0; round < rounds(5); round += 1) {
      const how = random() < 0.6 ? 'dropReply' : random() < 0.5 ? 'cutReply' : 'dropRequest';
      const ids = Array.from({ length: 5 }, (_, index) => `m${round}-${index}`);
      sent.push(...ids);
      const fault = proxy[how](random() < 0.5 ? isHold : isEmit);
      const filler = random() < 0.5 ? 'x'.repeat(5_000) : '';
      await Promise.all(
        ids.flatMap((id) => [
          client.enqueue('work', { filler, id }, once(id)),
          client.emit(PATTERN, { filler, id }, once(id)),
        ]),
      );
      await fault.happened;
    }

    expect((await idsOf('work')).sort()).toEqual([...sent].sort());
    for (const group of GROUPS)
      expect((await idsOf(`@${group}/${PATTERN}`)).sort()).toEqual([...sent].sort());
    expect((await historyIds(rig.commands, rig.prefix, PATTERN)).sort()).toEqual([...sent].sort());
  });

  test('is held once even if Redis is killed and started again', async () => {
    const direct = await connected({ connection: rig.connection });
    const sent: { readonly id: string; readonly ends: Promise<PromiseSettledResult<unknown>[]> }[] =
      [];
    let isDown = false;
    const sending = (async () => {
      for (let n = 0; n < 2_000 && !isDown; n += 1) {
        const id = `m${n}`;
        const ends = Promise.allSettled([
          direct.enqueue('work', { id }, once(id)),
          direct.emit(PATTERN, { id }, once(id)),
        ]);
        sent.push({ id, ends });
        await new Promise(setImmediate);
      }
    })();
    await eventually(async () => expect((await idsOf('work')).length).toBeGreaterThan(10));
    isDown = true;
    await rig.redis.kill();
    await sending;
    await rig.redis.restart();

    const held: [string[], string[]] = [[], []];
    for (const { id, ends } of sent) {
      (await ends).forEach((end, index) => {
        // What could not be written is known not to be held. Nothing stays unknown.
        if (end.status === 'fulfilled') held[index]?.push(id);
        else expect(end.reason).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      });
    }

    const [enqueued, emitted] = held;
    expect((await idsOf('work')).sort()).toEqual(enqueued.sort());
    for (const group of GROUPS)
      expect((await idsOf(`@${group}/${PATTERN}`)).sort()).toEqual(emitted.sort());
  });

  test.each(['dropRequest', 'dropReply'] as const)(
    'keeps its place among those that were sent with it (%s)',
    async (how) => {
      const ids = Array.from({ length: 2_500 }, (_, index) => `m${index}`);
      const records = ids.map((id) => new RedisQueueRecordBuilder({ id }).id(id).build());
      let calls = 0;
      proxy[how]((words, connection) => isHold(words, connection) && (calls += 1) === 2);

      const results = await client.enqueueMany('work', records, { deduplicateMs: WINDOW_MS });

      expect(results.map(({ id }) => id)).toEqual(ids);
      expect(await idsOf('work')).toEqual(ids);
    },
  );
});

describe('what is no longer sent again', () => {
  test('fails after its time, with how often it was tried and why', async () => {
    const impatient = await connected({ sendAgainForMs: 5_000, connectTimeoutMs: 1_000 });
    const fault = proxy.dropReply(isHold);
    const call = impatient.enqueue('work', { id: 'a' }, once('a'));
    await fault.happened;
    const second = proxy.dropReply(isHold);
    await second.happened;
    proxy.refuse(true);

    const error = await failureOf(call);

    expect(error).toMatchObject({ messageId: 'a', tries: 2, isPartial: false });
    expect(error.message).toMatch(
      /^It is unknown whether Redis holds the message a\. It was sent 2 times within \d+ ms\. The last failure: No connection/,
    );
    expect(error.cause).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(await idsOf('work')).toEqual(['a']);
  });

  test('is everything with sendAgainForMs: 0', async () => {
    const hasty = await connected({ sendAgainForMs: 0 });
    proxy.dropReply(isHold);
    expect(await failureOf(hasty.enqueue('work', { id: 'a' }, once('a')))).toMatchObject({
      tries: 1,
    });
    proxy.dropReply(isEmit);
    expect(await failureOf(hasty.emit(PATTERN, { id: 'a' }, once('a')))).toMatchObject({
      tries: 1,
    });
  });

  test('is what Redis does not know by its id', async () => {
    proxy.dropReply(isPush);
    const error = await failureOf(client.enqueue('work', { id: 'a' }, { id: 'a' }));
    expect(error).toMatchObject({ messageId: 'a', tries: 1 });
    expect(await idsOf('work')).toEqual(['a']);
  });

  test('is what Redis may have forgotten by then', async () => {
    proxy.dropReply(isHold);
    const short = { id: 'a', deduplicateMs: 100 };
    expect(await failureOf(client.enqueue('work', { id: 'a' }, short))).toMatchObject({ tries: 1 });
  });
});

describe('a client that is closed', () => {
  test('sends again until what was begun is held', async () => {
    const fault = proxy.dropReply(isHold);
    const call = client.enqueue('work', { id: 'a' }, once('a'));
    await fault.happened;

    await client.close();

    expect(await call).toMatchObject({ id: 'a' });
    expect(await idsOf('work')).toEqual(['a']);
  });

  test('gives up after its five seconds', async () => {
    const fault = proxy.dropReply(isHold);
    const call = failureOf(client.enqueue('work', { id: 'a' }, once('a')));
    await fault.happened;
    proxy.refuse(true);
    const watch = Stopwatch.start();

    await client.close();

    watch.expectAtMost(7_000);
    expect(await call).toMatchObject({ messageId: 'a', tries: 1 });
  });
});

test('messages that wait to be sent again count among those that a client holds', async () => {
  const small = await connected({ maxPendingMessages: 1, connectTimeoutMs: 10_000 });
  const fault = proxy.dropReply(isHold);
  const call = small.enqueue('work', { id: 'a' }, once('a'));
  await fault.happened;
  proxy.refuse(true);
  await eventually(() => expect(small.health().status).toBe('down'));

  await expect(small.enqueue('work', { id: 'b' })).rejects.toMatchObject({ code: 'SENDER_FULL' });

  proxy.refuse(false);
  await call;
  await small.enqueue('work', { id: 'c' });
  expect(await idsOf('work')).toEqual(['a', 'c']);
});
