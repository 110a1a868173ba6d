import { describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { jsonCodec, rawCodec } from '../../core/body/codec.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { isBrokerSource } from '../../core/source/broker-source.js';
import type { ConnectionSource } from '../../open-broker.js';
import { retryDelayMs } from '../../core/delivery/retry.js';
import type { RedisQueueEventOptions } from './event-options.js';
import { resolveMessageHandler } from './handler-options.js';
import type { HandlerKind, OptionsOf } from './option-table.js';
import type {
  RedisQueueAdminOptions,
  RedisQueueClientOptions,
  RedisQueueHandlerOptions,
  RedisQueueServerOptions,
} from './options.js';
import { resolveClientOptions, resolveServerOptions } from './resolve-options.js';
import { isWorthRetrying } from '../internals/worth-retrying.js';
import { RedisQueueClient } from '../client/redis-queue-client.js';
import { RedisQueueServer } from '../server/redis-queue-server.js';

function redisOptionsOf(connection: ConnectionSource): RedisOptions {
  if (isBrokerSource(connection)) throw new Error('It is no Redis.');
  return connection({ lazyConnect: true }).options;
}

const serializer = { serialize: (value: unknown) => value };
const deserializer = { deserialize: (value: unknown) => value };

const own = { name: 'own', encode: () => '', decode: () => undefined };
const OF_CODECS = 'an object with name (letters, digits, ".", "_", "-"), encode() and decode()';

const SERVER_DEFAULTS = {
  connection: expect.any(Function),
  prefix: 'rq',
  connectTimeoutMs: 5_000,
  serializer: undefined,
  deserializer: undefined,
  codec: jsonCodec,
  codecs: [],
  maxPayloadBytes: 16_777_216,
  compressAboveBytes: 32_768,
  observers: [],
  concurrency: 100,
  maxWaitingEvents: 10_000,
  leaseMs: 30_000,
  retry: {
    attempts: 25,
    backoff: 'exponential',
    delayMs: 1_000,
    maxDelayMs: 600_000,
    if: isWorthRetrying,
  },
  timeoutMs: undefined,
  once: undefined,
  shutdownTimeoutMs: 10_000,
  deadLetterLimit: undefined,
  deadLetterMaxAgeMs: 1_209_600_000,
  onEviction: 'warn',
  maxCrashes: 3,
};

const CLIENT_DEFAULTS = {
  connection: expect.any(Function),
  prefix: 'rq',
  connectTimeoutMs: 5_000,
  serializer: undefined,
  deserializer: undefined,
  codec: jsonCodec,
  codecs: [],
  maxPayloadBytes: 16_777_216,
  compressAboveBytes: 32_768,
  observers: [],
  requestTimeoutMs: 10_000,
  requestTotalTimeoutMs: undefined,
  parkAboveBytes: 16_384,
  maxPendingMessages: 100_000,
  maxPendingBytes: 268_435_456,
  sendAgainForMs: 30_000,
  waitForReplicas: undefined,
  headers: undefined,
  forwardHeaders: [],
};

/** Options are checked because they may come from files or JavaScript, where types do not hold. */
const untyped = (options: unknown): object => options as object;

describe('the options of a server', () => {
  test('have defaults, which undefined keeps, and are frozen', () => {
    const given = Object.fromEntries(Object.keys(SERVER_DEFAULTS).map((name) => [name, undefined]));

    expect(resolveServerOptions({})).toEqual(SERVER_DEFAULTS);
    expect(resolveServerOptions(given)).toEqual(SERVER_DEFAULTS);
    expect(Object.isFrozen(resolveServerOptions({}))).toBe(true);
  });

  test('can all be given', () => {
    const given = {
      connection: 'rediss://user:password@redis.example:6380/1',
      prefix: 'shop',
      connectTimeoutMs: 0,
      serializer,
      deserializer,
      codec: rawCodec,
      codecs: [own],
      maxPayloadBytes: 1,
      compressAboveBytes: false,
      observers: [{ began: () => undefined }],
      concurrency: 1,
      maxConcurrency: 1,
      maxWaitingEvents: 0,
      leaseMs: 1_000,
      retry: { attempts: 1, backoff: 'fixed', delayMs: 0, maxDelayMs: 0, if: () => true },
      timeoutMs: 1,
      once: { windowMs: 1 },
      shutdownTimeoutMs: 0,
      deadLetterLimit: 0,
      deadLetterMaxAgeMs: 1,
      onEviction: 'refuse',
      maxCrashes: 2,
    } as const;

    const { connection, ...others } = resolveServerOptions(given);
    const { connection: _, ...othersGiven } = given;
    expect(others).toEqual(othersGiven);
    expect(redisOptionsOf(connection)).toMatchObject({
      host: 'redis.example',
      port: 6380,
      username: 'user',
      db: 1,
    });
  });

  test('treat a codec that was made from a built-in one as a different one', () => {
    for (const codec of [
      { ...rawCodec, name: 'own' },
      { ...jsonCodec, name: 'own' },
    ])
      expect(resolveServerOptions({ codec }).codec).toBe(codec);
  });

  test('lead to a Redis on this machine by default', () => {
    for (const { connection } of [resolveServerOptions({}), resolveClientOptions({})])
      expect(redisOptionsOf(connection)).toMatchObject({
        host: '127.0.0.1',
        port: 6379,
        db: 0,
      });
  });

  test('are left as they are if they are already resolved', () => {
    const server = resolveServerOptions({ prefix: 'shop' });
    const client = resolveClientOptions({ prefix: 'shop' });
    expect([resolveServerOptions(server), resolveClientOptions(client)]).toEqual([server, client]);
    expect(resolveServerOptions(server)).toBe(server);
    expect(() => resolveServerOptions(untyped(client))).toThrow(InvalidOptionError);
  });

  test('take given fields of a retry policy, and the rest from the defaults', () => {
    expect(resolveServerOptions({ retry: { attempts: 2, delayMs: undefined } }).retry).toEqual({
      attempts: 2,
      backoff: 'exponential',
      delayMs: 1_000,
      maxDelayMs: 600_000,
      if: isWorthRetrying,
    });
  });

  test.each([
    ['over an hour and a quarter, however short chance makes the pauses', 0, 75, 80],
    ['under three hours, however long', 1, 150, 180],
  ])('try a failing message for %s', (_, random, least, most) => {
    const { retry } = resolveServerOptions({});

    let minutes = 0;
    for (let attempt = 1; attempt < retry.attempts; attempt += 1)
      minutes += retryDelayMs(retry, attempt, { random: () => random }) / 60_000;

    expect(minutes).toBeGreaterThan(least);
    expect(minutes).toBeLessThan(most);
  });
});

describe('the options of a client', () => {
  test('have defaults, which undefined keeps, and are frozen', () => {
    const given = Object.fromEntries(Object.keys(CLIENT_DEFAULTS).map((name) => [name, undefined]));

    expect(resolveClientOptions({})).toEqual(CLIENT_DEFAULTS);
    expect(resolveClientOptions(given)).toEqual(CLIENT_DEFAULTS);
    expect(Object.isFrozen(resolveClientOptions({}))).toBe(true);
  });
});

const CONNECTION =
  'a redis:// or rediss:// URL, ioredis options, an ioredis instance or a store for tests';
const URL_FORM = 'a URL like redis://user:password@host:6379/0 (rediss:// for TLS)';

describe('an option with an unusable value', () => {
  const shared: readonly [string, unknown, string][] = [
    ['connectTimeoutMs', -1, 'connectTimeoutMs must be a whole number of milliseconds ≥ 0, got -1'],
    [
      'connectTimeoutMs',
      '5s',
      'connectTimeoutMs must be a whole number of milliseconds ≥ 0, got "5s"',
    ],
    ['prefix', '', 'prefix must be text without braces, got ""'],
    ['prefix', 'a{b}', 'prefix must be text without braces, got "a{b}"'],
    ['prefix', 7, 'prefix must be text without braces, got 7'],
    ['connection', 6379, `connection must be ${CONNECTION}, got 6379`],
    ['connection', null, `connection must be ${CONNECTION}, got null`],
    ['connection', 'localhost', `connection must be ${URL_FORM}, got "localhost"`],
    ['connection', 'http://localhost', `connection must be ${URL_FORM}, got "http://localhost"`],
    [
      'connection',
      { keyPrefix: 'app:' },
      'connection must not have a keyPrefix (got "app:"): give it as the option prefix instead',
    ],
    ['serializer', {}, 'serializer must be an object with a method serialize(), got {}'],
    [
      'serializer',
      () => 1,
      'serializer must be an object with a method serialize(), got a function',
    ],
    [
      'deserializer',
      serializer,
      'deserializer must be an object with a method deserialize(), got {}',
    ],
    ['codec', 'mine', `codec must be ${OF_CODECS}, got "mine"`],
    [
      'codec',
      'msgpack',
      `${OF_CODECS} (msgpackCodec, from 'nestjs-redis-queue-transport/msgpack'), got "msgpack"`,
    ],
    ['codec', { ...own, name: 'a b' }, `codec must be ${OF_CODECS}, got {"name":"a b"}`],
    ['codecs', own, 'codecs must be an array of codecs, got {"name":"own"}'],
    ['codecs', [own, null], `codecs[1] must be ${OF_CODECS}, got null`],
    ['codecs', [own, { ...own }], 'codecs must have different names'],
    [
      'compressAboveBytes',
      true,
      'compressAboveBytes must be a whole number of bytes ≥ 0, or false, got true',
    ],
    ['maxPayloadBytes', 0, 'maxPayloadBytes must be a whole number of bytes from 1 to 536870912'],
    [
      'maxPayloadBytes',
      '1mb',
      'maxPayloadBytes must be a whole number of bytes from 1 to 536870912',
    ],
    ['codecs', [{ ...own, name: 'json' }], 'got two called "json"'],
  ];

  const ofServers: readonly [string, unknown, string][] = [
    ['concurrency', 0, 'concurrency must be a whole number of handlers from 1 to 100000, got 0'],
    [
      'concurrency',
      1.5,
      'concurrency must be a whole number of handlers from 1 to 100000, got 1.5',
    ],
    [
      'concurrency',
      Infinity,
      'concurrency must be a whole number of handlers from 1 to 100000, got Infinity',
    ],
    [
      'concurrency',
      true,
      'concurrency must be a whole number of handlers from 1 to 100000, got true',
    ],
    ['leaseMs', '30s', 'leaseMs must be a whole number of milliseconds ≥ 1000, got "30s"'],
    ['leaseMs', 999, 'leaseMs must be a whole number of milliseconds ≥ 1000, got 999'],
    [
      'leaseMs',
      1e10,
      'leaseMs must be a whole number of milliseconds from 1000 to 2147483647, got 10000000000',
    ],
    ['leaseMs', NaN, 'leaseMs must be a whole number of milliseconds ≥ 1000, got NaN'],
    ['leaseMs', 5_000n, 'leaseMs must be a whole number of milliseconds ≥ 1000, got 5000'],
    [
      'shutdownTimeoutMs',
      null,
      'shutdownTimeoutMs must be a whole number of milliseconds ≥ 0, got null',
    ],
    ['deadLetterLimit', -1, 'deadLetterLimit must be a whole number of dead letters ≥ 0, got -1'],
    [
      'deadLetterMaxAgeMs',
      0,
      'deadLetterMaxAgeMs must be a whole number of milliseconds ≥ 1, got 0',
    ],
    ['maxCrashes', 1, 'maxCrashes must be a whole number of crashes ≥ 2, got 1'],
    ['timeoutMs', 0, 'timeoutMs must be a whole number of milliseconds ≥ 1, got 0'],
    ['onEviction', 'panic', `onEviction must be 'warn' or 'refuse', got "panic"`],
    ['once', { windowMs: 0 }, 'windowMs must be a whole number of milliseconds ≥ 1, got 0'],
    ['once', {}, 'once must be an object that has windowMs, got {}'],
    ['retry', 3, 'retry must be an object with attempts, backoff, delayMs, maxDelayMs, if, got 3'],
    ['retry', { attempts: 0 }, 'attempts must be a whole number of attempts ≥ 1, got 0'],
    ['retry', { backoff: 'linear' }, `backoff must be 'fixed' or 'exponential', got "linear"`],
  ];

  const ofClients: readonly [string, unknown, string][] = [
    ['requestTimeoutMs', 0, 'requestTimeoutMs must be a whole number of milliseconds ≥ 1, got 0'],
    [
      'requestTimeoutMs',
      '10',
      'requestTimeoutMs must be a whole number of milliseconds ≥ 1, got "10"',
    ],
  ];

  test.each([...shared, ...ofServers])(
    'is refused by a server: %s of %p',
    (option, value, message) => {
      expect(() => new RedisQueueServer(untyped({ [option]: value }))).toThrow(InvalidOptionError);
      expect(() => new RedisQueueServer(untyped({ [option]: value }))).toThrow(message);
    },
  );

  test.each([...shared, ...ofClients])(
    'is refused by a client: %s of %p',
    (option, value, message) => {
      expect(() => new RedisQueueClient(untyped({ [option]: value }))).toThrow(InvalidOptionError);
      expect(() => new RedisQueueClient(untyped({ [option]: value }))).toThrow(message);
    },
  );

  test('is named in the error, beside a code', () => {
    let error: unknown;
    try {
      new RedisQueueServer(untyped({ leaseMs: '30s' }));
    } catch (thrown) {
      error = thrown;
    }

    expect(error).toMatchObject({
      name: 'InvalidOptionError',
      code: 'INVALID_OPTION',
      option: 'leaseMs',
    });
  });

  test('does not show a password', () => {
    const connection = 'http://user:secret@localhost';

    expect(() => new RedisQueueServer({ connection })).toThrow(/got "http:\/\/\*\*\*@localhost"/);
  });

  test.each([null, 'redis://localhost', 7])(
    'is refused in place of all options, too: %p',
    (options) => {
      expect(() => new RedisQueueServer(untyped(options))).toThrow(
        /an object with the options of RedisQueueServer/,
      );
      expect(() => new RedisQueueClient(untyped(options))).toThrow(
        /an object with the options of RedisQueueClient/,
      );
    },
  );

  test('such as an ioredis instance with a keyPrefix is refused, and the instance is left alone', () => {
    const connection = new Redis({ keyPrefix: 'app:', lazyConnect: true });

    expect(() => new RedisQueueServer({ connection })).toThrow(
      /must not have a keyPrefix \(got "app:"\)/,
    );
    expect(connection.status).toBe('wait');
  });
});

describe('an unknown option', () => {
  test.each([
    ['leaseMS', 'RedisQueueServer has no option leaseMS; did you mean leaseMs?'],
    ['concurency', 'RedisQueueServer has no option concurency; did you mean concurrency?'],
    ['conection', 'RedisQueueServer has no option conection; did you mean connection?'],
    [
      'deadLettersLimit',
      'RedisQueueServer has no option deadLettersLimit; did you mean deadLetterLimit?',
    ],
    ['limit', 'RedisQueueServer has no option limit: it is one of a handler'],
    ['perKey', 'RedisQueueServer has no option perKey: it is one of a handler'],
  ])('of a server is refused with a suggestion: %s', (option, message) => {
    expect(() => new RedisQueueServer(untyped({ [option]: 1 }))).toThrow(message);
  });

  test('that resembles no other is refused with a list of all', () => {
    const wrong = untyped({ visibilityWindow: 1 });

    expect(() => new RedisQueueServer(wrong)).toThrow(
      /its options are connection, prefix, .*maxCrashes/,
    );
    expect(() => new RedisQueueClient(wrong)).toThrow(
      /its options are connection, prefix, .*requestTimeoutMs/,
    );
  });

  test('of a client is refused with a suggestion', () => {
    expect(() => new RedisQueueClient(untyped({ timeoutMs: 1 }))).toThrow(
      /RedisQueueClient has no option timeoutMs/,
    );
    expect(() => new RedisQueueClient(untyped({ requestTimeout: 1 }))).toThrow(
      /did you mean requestTimeoutMs\?/,
    );
  });

  test('inside another is refused as well', () => {
    const wrong = untyped({ retry: { atempts: 2 } });

    expect(() => new RedisQueueServer(wrong)).toThrow(
      'retry has no option atempts; did you mean attempts?',
    );
  });
});

/** True if both have the same names. */
type Same<A, B> = [A, B] extends [B, A] ? true : never;

test('the types that users see have the options of the table', () => {
  const same: [
    Same<keyof RedisQueueServerOptions, OptionsOf<'server'>>,
    Same<keyof RedisQueueClientOptions, OptionsOf<'client'>>,
    Same<keyof RedisQueueAdminOptions, OptionsOf<'admin'>>,
    Same<keyof RedisQueueHandlerOptions, OptionsOf<'message'>>,
    Same<keyof RedisQueueEventOptions, OptionsOf<HandlerKind>>,
  ] = [true, true, true, true, true];
  expect(same).toHaveLength(5); // the compiler is the test
});

describe('the options of a handler', () => {
  const server = resolveServerOptions({ concurrency: 7, leaseMs: 2_000, retry: { attempts: 9 } });

  test('are those of its server, unless it says otherwise', () => {
    const resolved = resolveMessageHandler({ concurrency: 1, leaseMs: undefined }, server, 'sum');

    const retry = {
      attempts: 9,
      backoff: 'exponential',
      delayMs: 1_000,
      maxDelayMs: 600_000,
      if: isWorthRetrying,
    };
    expect(resolved).toEqual({
      concurrency: 1,
      leaseMs: 2_000,
      retry,
      timeoutMs: undefined,
      once: undefined,
      order: 'oldestFirst',
    });
    expect(Object.isFrozen(resolved)).toBe(true);
  });

  test('take given fields of its retry policy, and the rest from its server', () => {
    const { retry } = resolveMessageHandler({ retry: { backoff: 'fixed' } }, server, 'sum');

    expect(retry).toEqual({
      attempts: 9,
      backoff: 'fixed',
      delayMs: 1_000,
      maxDelayMs: 600_000,
      if: isWorthRetrying,
    });
  });

  test.each([
    [{ concurency: 2 }, 'The handler of "sum" has no option concurency; did you mean concurrency?'],
    [{ concurrency: 0 }, 'concurrency must be a whole number of handlers from 1 to 100000, got 0'],
    [{ requestTimeoutMs: 1 }, 'The handler of "sum" has no option requestTimeoutMs'],
    [{ maxCrashes: 2 }, 'The handler of "sum" has no option maxCrashes'],
  ])('are refused when the handler is added: %p', (extras, message) => {
    const handler = (): Promise<never> => Promise.reject(new Error('not called'));

    expect(() => new RedisQueueServer().addHandler('sum', handler, false, extras)).toThrow(message);
    expect(() => new RedisQueueServer().addHandler('sum', handler, true, extras)).toThrow(message);
  });

  const add = (extras: Record<string, unknown>, isEvent: boolean) => (): void =>
    new RedisQueueServer().addHandler('sum', () => Promise.resolve(), isEvent, extras);

  test('name their handler when they are refused, since a server may have many', () => {
    expect(add({ once: { windowMs: 0 } }, false)).toThrow(
      'once.windowMs must be a whole number of milliseconds ≥ 1, got 0 (handler of "sum")',
    );
    expect(add({ group: 'a b' }, true)).toThrow(
      /^group must be .*, got "a b" \(handler of "sum"\)$/,
    );
    expect(add({ durable: true }, true)).toThrow(
      /^durable: true of the handler of "sum" needs [^(]*$/,
    );
  });

  test.each([
    { group: 'billing' },
    { durable: true },
    { history: { maxLength: 5 } },
    { from: 'earliest' },
    { recover: { withinMs: 5 } },
  ])('that are for events are refused for a message handler, with advice: %j', (extras) => {
    expect(add(extras, false)).toThrow(
      `${Object.keys(extras)[0]} is for events, but the handler of "sum" handles messages: use @EventPattern`,
    );
  });

  test.each([
    { prefetch: 500 },
    { leaseMs: 5_000 },
    { retry: { attempts: 2 } },
    { timeoutMs: 5 },
    { once: { windowMs: 5 } },
    { order: 'newestFirst' },
    { batch: { size: 5 } },
    { limit: { running: 5 } },
  ])('that have no effect on live events are refused, not ignored: %j', (extras) => {
    expect(add(extras, true)).toThrow(
      `${Object.keys(extras)[0]} is for messages that wait in a queue, but the handler of "sum" hears live events`,
    );
    expect(add({ ...extras, group: 'billing' }, true)).not.toThrow();
  });

  test.each<[Record<string, unknown>, string]>([
    [{ limit: {} }, 'limit must be an object with running, rate, or both, got {}'],
    [{ limit: { perMs: 5 } }, 'limit must be an object with running, rate, or both'],
    [
      { limit: { running: 5, perMs: 5 } },
      'limit.rate must be a number of messages if perMs is given',
    ],
    [{ perKey: {} }, 'perKey must be an object with running, rate, or both, got {}'],
    [{ perKey: { perMs: 5 } }, 'perKey must be an object with running, rate, or both'],
    [
      { perKey: { running: 5, perMs: 5 } },
      'perKey.rate must be a number of messages if perMs is given',
    ],
    [{ perKey: { rate: 0 } }, 'perKey.rate must be a whole number of messages ≥ 1, got 0'],
    [{ limit: { running: 0 } }, 'limit.running must be a whole number of messages ≥ 1, got 0'],
    [{ limit: { rate: 0.5 } }, 'limit.rate must be a whole number of messages ≥ 1, got 0.5'],
    [{ limit: { rate: 5 }, prefetch: 500 }, 'prefetch and limit exclude each other'],
    [
      { limit: { rate: 5 }, prefetch: 5 },
      'prefetch and limit exclude each other: leave out prefetch',
    ],
  ])('that limit the queue must make sense: %j', (extras, message) => {
    expect(add(extras, false)).toThrow(message);
  });

  test('that limit the queue have a second as their time', () => {
    expect(add({ limit: { rate: 5 } }, false)).not.toThrow();
  });

  test('list the possible values if `from` is wrong', () => {
    expect(add({ group: 'billing', from: 5 }, true)).toThrow(
      `from must be 'new', 'earliest', a Date or a historyId, got 5`,
    );
  });
});
