import { describe, expect, test } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { optionsWithoutEffect } from './connection-options.js';
import { connectionSource } from './connection-source.js';

const SETTINGS = { lazyConnect: true, enableOfflineQueue: false };

describe('a connection source', () => {
  test('of a URL takes address, user, password, database and TLS from it', () => {
    const client = connectionSource('rediss://user:p%40ss@redis.example:7000/3')(SETTINGS);
    expect(client.options).toMatchObject({
      host: 'redis.example',
      port: 7000,
      username: 'user',
      password: 'p@ss',
      db: 3,
      enableOfflineQueue: false,
    });
    expect(client.options.tls).toBeTruthy();
  });

  test('of options keeps them, but not against the settings that make outcomes knowable', () => {
    const options = { host: 'redis.example', db: 2, enableOfflineQueue: true };
    expect(connectionSource(options)(SETTINGS).options).toMatchObject({
      host: 'redis.example',
      db: 2,
      enableOfflineQueue: false,
    });
  });

  test('of an instance makes another one to the same place', () => {
    const own = new Redis({ host: 'redis.example', db: 2, lazyConnect: true });
    const client = connectionSource(own)(SETTINGS);
    expect(client).not.toBe(own);
    expect(client.options).toMatchObject({ host: 'redis.example', db: 2 });
  });

  test.each([
    ['another protocol', 'http://redis.example', 'got "http'],
    ['no URL', 'redis.example:6379', 'connection must be a URL like redis://'],
    ['a bare percent sign', 'redis://:100%secret@redis.example', 'write a percent sign as %25'],
    ['an invalid port', 'redis://redis.example:port', 'connection must be a URL like'],
    ['a number', 6379, 'got 6379'],
    ['nothing', null, 'got null'],
    ['a key prefix', { keyPrefix: 'a:' }, 'give it as the option prefix instead'],
  ])('refuses %s', (_what, connection, message) => {
    expect(() => connectionSource(connection)).toThrow(InvalidOptionError);
    expect(() => connectionSource(connection)).toThrow(message);
  });

  test.each<[string, object, string, string]>([
    ['a slip', { hots: 'redis' }, 'connection.hots', 'did you mean host?'],
    ['a URL', { url: 'redis://prod:6379' }, 'connection.url', 'give the URL itself'],
    ['several places', [{ host: 'a', port: 1 }], 'connection', 'got an array'],
    ['an invalid port', { port: 'abc' }, 'connection.port', 'got "abc"'],
    ['a port that no socket has', { port: 70_000 }, 'connection.port', 'got 70000'],
    ['an invalid database', { db: 'orders' }, 'connection.db', 'got "orders"'],
    ['an invalid host', { host: 1 }, 'connection.host', 'must be text, got 1'],
    ['an invalid password', { password: 123_456 }, 'connection.password', 'got number'],
    ['TLS by a word', { tls: true }, 'connection.tls', '{} for the defaults'],
    [
      'credentials at once',
      { credentials: { password: 'x' } },
      'connection.credentials',
      'function',
    ],
    ["Nest's attempts", { retryAttempts: 3 }, 'connection.retryAttempts', 'connectTimeoutMs'],
    ["Nest's pause", { retryDelay: 3 }, 'connection.retryDelay', 'connectTimeoutMs'],
    ["Nest's wildcards", { wildcards: true }, 'connection.wildcards', 'wildcards without it'],
    ["Nest's serializer", { serializer: {} }, 'connection.serializer', 'beside connection'],
  ])('refuses %s among options, and says what helps', (_what, connection, option, hint) => {
    let refusal: unknown;
    try {
      connectionSource(connection);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(InvalidOptionError);
    expect(refusal).toMatchObject({ option });
    expect(String(refusal)).toContain(hint);
    expect(String(refusal)).not.toContain('123456');
  });

  test('takes every option that ioredis has by default, and numbers as environment variables have them', () => {
    const { options } = new Redis({ lazyConnect: true });
    const { keyPrefix: _none, ...others } = options;
    expect(() => connectionSource(others)).not.toThrow();
    expect(() => connectionSource({ port: '6379', db: '2', host: undefined })).not.toThrow();
  });

  test('names the options that have no effect, and those alone', () => {
    const given = { host: 'a', maxRetriesPerRequest: null, lazyConnect: true, db: 1 };
    expect(optionsWithoutEffect(given)).toEqual(['maxRetriesPerRequest']);
    expect(optionsWithoutEffect('redis://a')).toEqual([]);
    expect(optionsWithoutEffect(new Redis({ lazyConnect: true }))).toEqual([]);
  });

  test('refuses an instance with a key prefix', () => {
    const prefixed = new Redis({ keyPrefix: 'a:', lazyConnect: true });
    const cluster = new Cluster([1], { lazyConnect: true, keyPrefix: 'a:' });
    for (const connection of [prefixed, cluster])
      expect(() => connectionSource(connection)).toThrow(InvalidOptionError);
  });

  test('takes the nodes of a cluster, with what the first URL says of all of them', () => {
    const nodes = ['rediss://user:secret@a:1', { host: 'b', port: 2 }, { host: 'c' }];
    const { cluster } = connectionSource({ nodes, family: 6 });
    expect(cluster?.seeds).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
      { host: 'c', port: 6_379 },
    ]);
    const client = cluster?.open({ host: 'z', port: 9, lazyConnect: true });
    const expected = { host: 'z', port: 9, username: 'user', password: 'secret', family: 6 };
    expect(client?.options).toMatchObject({ ...expected, tls: {} });
  });

  test('copies the settings of a Cluster', () => {
    const natMap = { 'a:1': { host: 'b', port: 2 } };
    const given = new Cluster([{ host: 'a', port: 1 }, 7_000], {
      lazyConnect: true,
      natMap,
      redisOptions: { password: 'secret' },
    });
    const { cluster } = connectionSource(given);
    const seeds = [
      { host: 'a', port: 1 },
      { host: '127.0.0.1', port: 7_000 },
    ];
    expect(cluster).toMatchObject({ seeds, natMap });
    expect(cluster?.open({ lazyConnect: true }).options.password).toBe('secret');
  });

  test.each([
    [{ nodes: [] }, 'connection.nodes must be a list'],
    [{ nodes: ['a:1'] }, 'connection.nodes[0] must be a URL'],
    [
      { nodes: [{ host: 'a' }, 'redis://:50%@a:1'] },
      'connection.nodes[1] must be a URL whose user',
    ],
    [{ nodes: [{ host: 'a', port: 'x' }] }, 'connection.port must be a whole number'],
    [{ nodes: [{ host: 'a' }], host: 'b' }, 'must not have host as well'],
    [{ nodes: [{ host: 'a' }], db: 1 }, 'connection.db must be 0 for a cluster, got 1'],
    [{ nodes: ['redis://a:1/2'] }, 'connection.db must be 0 for a cluster, got 2'],
    [{ nodes: [{ host: 'a' }, 'redis://b:1/2'] }, 'connection.db must be 0 for a cluster, got 2'],
    [{ nodes: [{ host: 'a' }], natMap: 5 }, 'connection.natMap must be a function or an object'],
    [{ nodes: [{ host: 'a' }], natMap: { 'a:1': 'b:2' } }, 'connection.natMap must be'],
    [{ nodes: [{ host: 'a' }], natMap: { 'a:1': { host: 'b' } } }, 'connection.natMap must be'],
    [{ nodes: [{ host: 'a' }], keyPrefix: 'k' }, 'must not have a keyPrefix'],
    [{ nodes: [{ host: 'a' }], tsl: {} }, 'did you mean'],
  ])('refuses %j', (connection, message) => {
    expect(() => connectionSource(connection)).toThrow(message);
  });

  test.each([
    ['http://user:secret@redis.example'],
    ['http://user:se/cret@redis.example'],
    ['redis://user:secret@redis.example:port'],
    ['user:secret@redis.example'],
  ])('shows no password when it refuses %s', (url) => {
    const refused = (): unknown => connectionSource(url);
    expect(refused).toThrow(InvalidOptionError);
    expect(refused).not.toThrow(/cret/);
  });
});
