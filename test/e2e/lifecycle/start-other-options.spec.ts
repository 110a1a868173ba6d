import { describe, expect, test } from '@jest/globals';
import { jsonCodec, rawCodec } from 'nestjs-redis-queue-transport';
import type {
  Codec,
  RedisQueueLimitOptions,
  RedisQueueHandlerOptions,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();
const nothing = (): void => undefined;
const warnings = (): string[] => rig.logs.matching('warn', /./);
const codec: Codec = {
  name: 'own',
  encode: (data) => jsonCodec.encode(data),
  decode: (bytes) => jsonCodec.decode(bytes),
};

/** A server of these queues, as each of two services has one. */
const serve = (options: RedisQueueServerOptions = {}, patterns: readonly string[] = ['work']) =>
  rig.serve({ controllers: patterns.map((pattern) => controllerOf(pattern, nothing)) }, options);

describe('a server of a queue that another one serves with different options', () => {
  test.each<[string, RedisQueueServerOptions, RedisQueueServerOptions, string]>([
    ['retry', { retry: { attempts: 3 } }, {}, 'retry.attempts is 3 here and 25 there'],
    [
      'the other way round',
      {},
      { retry: { attempts: 3 } },
      'retry.attempts is 25 here and 3 there',
    ],
    ['maxCrashes', { maxCrashes: 5 }, {}, 'maxCrashes is 5 here and 3 there'],
    ['a limit', { deadLetterLimit: 9 }, {}, 'deadLetterLimit is 9 here and none there'],
    [
      'an age',
      { deadLetterMaxAgeMs: 5_000 },
      { deadLetterMaxAgeMs: 6_000 },
      'deadLetterMaxAgeMs is 5000 here and 6000 there',
    ],
    ['once', {}, { once: { windowMs: 8_000 } }, 'once.windowMs is none here and 8000 there'],
    ['codec', { codec }, {}, 'codecs is json, own, raw here and json, raw there'],
    [
      'a size',
      { maxPayloadBytes: 1_000 },
      { maxPayloadBytes: 2_000 },
      'maxPayloadBytes is 1000 here and 2000 there',
    ],
  ])('says so, with both values and the other server: %s', async (_, here, there, difference) => {
    await serve(there);
    expect(warnings()).toEqual([]);

    await serve(here);

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(new RegExp(`^"work" is also served by [^ ]+-${process.pid}-`));
    expect(warnings()[0]).toContain(`${difference}.`);
  });

  test('says it in one line for all queues and differences', async () => {
    const patterns = Array.from({ length: 25 }, (_, index) => `work.${index}`);
    await serve({}, patterns);

    await serve({ retry: { attempts: 3 }, maxCrashes: 5 }, patterns);

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(/^"work\.0", .*"work\.19" and 5 more are also served by /);
    expect(warnings()[0]).toContain('attempts is 3 here and 25 there, maxCrashes is 5 here and 3');
  });

  test('says it for the options of a handler', async () => {
    const options = { once: { windowMs: 9_000 } };
    await rig.serve({ controllers: [controllerOf('work', nothing, { options })] });

    await serve({}, ['work', 'rest']);

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(/^"work" is.*once\.windowMs is none here and 9000 there\./s);
  });

  test('says it for limits of a queue', async () => {
    const serveLimited = (limit: RedisQueueLimitOptions) =>
      rig.serve({ controllers: [controllerOf('work', nothing, { options: { limit } })] });
    await serveLimited({ running: 5 });

    await serveLimited({ running: 5, rate: 50 });

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toContain('limit is 5 running, 50 in 1000 ms here and 5 running there.');
  });

  test('says it for bounds, limits of a key, and the order', async () => {
    const serveWith = (options: RedisQueueHandlerOptions) =>
      rig.serve({ controllers: [controllerOf('work', nothing, { options })] });
    await serveWith({ maxLength: 10, perKey: { running: 2 } });

    await serveWith({ perKey: { rate: 5 }, order: 'newestFirst' });

    expect(warnings()).toHaveLength(1);
    for (const difference of [
      'maxLength is none here and 10 there',
      'perKey.running is 1 here and 2 there',
      'perKey.rate is 5 here and none there',
      'order is newestFirst here and oldestFirst there',
    ])
      expect(warnings()[0]).toContain(difference);
  });

  test('says it for what happens when the list of a group is full', async () => {
    const serveEvents = (onFull: 'refuse' | 'drop') => {
      const options = { group: 'mail', maxLength: 5, onFull } as const;
      return rig.serve({ controllers: [eventControllerOf('happened', nothing, options)] });
    };
    await serveEvents('drop');

    await serveEvents('refuse');

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toContain('onFull is refuse here and drop there.');
  });

  test('says it for durable events in the same group', async () => {
    const serveEvents = (group: string, attempts: number) =>
      rig.serve({
        controllers: [eventControllerOf('happened', nothing, { group, retry: { attempts } })],
      });
    await serveEvents('mail', 3);
    await serveEvents('audit', 4);
    expect(warnings()).toEqual([]);

    await serveEvents('mail', 4);

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(/^"@mail\/happened" is.*attempts is 4 here and 3 there\./s);
  });
});

describe('nothing is said', () => {
  test('about options that may differ from machine to machine', async () => {
    await serve();
    await serve({
      concurrency: 7,
      prefetch: 50,
      leaseMs: 9_000,
      timeoutMs: 500,
      codecs: [rawCodec],
    });

    expect(warnings()).toEqual([]);
  });

  test('about other options that no server has any more', async () => {
    await (await serve()).close();
    await serve({ retry: { attempts: 3 } });

    expect(warnings()).toEqual([]);
  });

  test('by all but the first, when replicas are replaced one by one', async () => {
    const before = [await serve(), await serve(), await serve()];
    for (const replica of before) {
      await serve({ retry: { attempts: 3 } });
      await replica.close();
    }

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatch(/while a deployment replaces servers/);
  });
});
