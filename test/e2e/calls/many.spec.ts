import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { InvalidMessageException } from '@nestjs/microservices/errors/invalid-message.exception.js';
import {
  IncompleteError,
  OutcomeUnknownError,
  RedisQueueRecordBuilder,
  RedisRefusedError,
  RedisUnavailableError,
  UnencodableError,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import { isPush } from '../../faults/commands.js';

const rig = nestRig();

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

async function callsOf(command: string): Promise<number> {
  const stats = await rig.commands.info('commandstats');
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
}

function bodyOf(element: string): string {
  return element.split('\n')[1] ?? '';
}

async function failureOf(call: Promise<unknown>): Promise<IncompleteError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(IncompleteError);
  return error as IncompleteError; // the line above asserts it
}

describe('enqueueMany', () => {
  test('holds thousands of messages in order and in few round trips, with a result for each', async () => {
    const client = rig.client();
    // Its first message to a queue tells a client that the queue has no bound.
    await client.enqueue('work', 'first');
    const before = await callsOf('rpush');

    const results = await lastValueFrom(client.enqueueMany('work', numbers(5_000)));

    // Once a second, a script that looks at the bound takes the place of a command; within it, each message counts.
    expect([5, 1_004]).toContain((await callsOf('rpush')) - before);
    const [, ...elements] = await rig.queue('work').waiting();
    expect(elements.map((element) => Number(bodyOf(element)))).toEqual(numbers(5_000));
    expect(results).toHaveLength(5_000);
    expect(results[4_999]).toEqual({ id: expect.any(String), isDuplicate: false });
    expect(elements[4_999]).toContain(results[4_999]!.id);
  });

  test('accepts records, each with its own settings', async () => {
    const client = rig.client();
    const record = (id: string): unknown =>
      new RedisQueueRecordBuilder(id).id(id).deduplicate(60_000).build();

    const results = await lastValueFrom(
      client.enqueueMany('work', ['plain', record('a'), record('a'), 'plain too']),
    );

    expect(results.map(({ isDuplicate }) => isDuplicate)).toEqual([false, false, true, false]);
    expect((await rig.queue('work').waiting()).map(bodyOf)).toEqual([
      '"plain"',
      '"a"',
      '"plain too"',
    ]);
  });

  test('begins at once, subscribed or not, and returns nothing for no messages', async () => {
    const client = rig.client();

    client.enqueueMany('work', [1, 2]);

    await eventually(async () => expect(await rig.queue('work').waiting()).toHaveLength(2));
    expect(await lastValueFrom(client.enqueueMany('work', []))).toEqual([]);
  });

  test('says which messages failed; the others are held', async () => {
    const client = rig.client();

    const error = await failureOf(lastValueFrom(client.enqueueMany('work', ['a', 1n, 'c'])));

    expect(error.failures).toEqual([{ index: 1, error: expect.any(UnencodableError) }]);
    expect(Object.keys(error.results)).toEqual(['0', '2']);
    expect(error).toMatchObject({ code: 'INCOMPLETE', cause: expect.any(UnencodableError) });
    expect(error.message).toContain('1 of 3 messages failed');
    expect((await rig.queue('work').waiting()).map(bodyOf)).toEqual(['"a"', '"c"']);
  });

  test('with keys fails only for those whose lane is a key of another program', async () => {
    const client = rig.client();
    const messages = ['a', 'b', 'a', 'b', 'c'].map((key, index) =>
      new RedisQueueRecordBuilder(index).id(`${key}${index}`).key(key).build(),
    );
    const lane = `${rig.prefix}:{work}:lanes:b`;
    await rig.commands.set(lane, 'of another program');

    const error = await failureOf(lastValueFrom(client.enqueueMany('work', messages)));

    expect(error.failures).toEqual([{ index: 3, error: expect.any(RedisRefusedError) }]);
    expect(error.message).toContain(`WRONGTYPE`);
    expect(error.message).toContain(lane);
    expect(Object.keys(error.results)).toEqual(['0', '1', '2', '4']);
    expect((await rig.queue('work').waiting()).map(bodyOf)).toEqual(['0', '1', '4']);
    expect(await rig.commands.llen(`${rig.prefix}:{work}:lanes:a`)).toBe(1);
    await rig.commands.del(lane);
    await client.enqueueMany('work', [messages[3]]);
    expect(await rig.commands.llen(lane)).toBe(1);
  });

  test('says of which messages the outcome is unknown if the connection dies between them', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const client = rig.client({ connection: proxy.url });
    await lastValueFrom(client.enqueue('work', 'first'));
    let pushes = 0;
    const dropped = proxy.dropReply((words, name) => isPush(words, name) && (pushes += 1) === 2);

    const error = await failureOf(lastValueFrom(client.enqueueMany('work', numbers(2_500))));

    await dropped.happened;
    expect(error.failures.map(({ index }) => index)).toEqual(numbers(2_500).slice(1_000));
    for (const failure of error.failures) {
      expect(failure.error).toBeInstanceOf(OutcomeUnknownError);
      expect((failure.error as OutcomeUnknownError).messageId).toEqual(expect.any(String));
    }
    expect(error.results).toHaveLength(1_000);
  });

  test('fails as enqueue does if nothing could be sent', async () => {
    const client = rig.client({ connection: 'redis://127.0.0.1:1', connectTimeoutMs: 0 });

    await expect(lastValueFrom(client.enqueueMany('work', [1, 2]))).rejects.toBeInstanceOf(
      RedisUnavailableError,
    );
  });

  test.each<[string, unknown, unknown]>([
    ['no pattern', undefined, [1]],
    ['without data', 'work', [1, undefined]],
  ])('refuses %s', async (_, pattern, data) => {
    const refused = lastValueFrom(rig.client().enqueueMany(pattern, data as unknown[]));

    await expect(refused).rejects.toBeInstanceOf(InvalidMessageException);
  });

  test.each<[string, unknown]>([
    ['object', { a: 1 }],
    ['a record', new RedisQueueRecordBuilder([1, 2]).build()],
  ])('refuses a single message, and says what to use: %s', async (what, data) => {
    const refused = lastValueFrom(rig.client().enqueueMany('work', data as unknown[]));

    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      option: 'data',
      message: expect.stringMatching(`got ${what}: use enqueue\\(\\) or emit`) as unknown,
    });
  });
});

describe('emitMany', () => {
  test('emits all of them, in order and in few round trips', async () => {
    const heard: unknown[] = [];
    @Controller()
    class EventController {
      @EventPattern<string>('happened')
      onHappened(data: unknown): void {
        heard.push(data);
      }
    }
    await rig.serve({ controllers: [EventController] });
    const client = rig.client();
    await client.connect();
    const before = (await callsOf('eval')) + (await callsOf('evalsha'));

    const results = await lastValueFrom(client.emitMany('happened', numbers(1_000)));

    const calls = (await callsOf('eval')) + (await callsOf('evalsha')) - before;
    expect(calls).toBeLessThan(10);
    expect(results).toHaveLength(1_000);
    await eventually(() => expect(heard).toEqual(numbers(1_000)));
  });

  test('says which events failed', async () => {
    const record = new RedisQueueRecordBuilder('x').delay(5).build();

    const error = await failureOf(lastValueFrom(rig.client().emitMany('happened', ['a', record])));

    expect(error.failures).toMatchObject([{ index: 1, error: { code: 'INVALID_OPTION' } }]);
  });
});
