import { describe, expect, test } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { InvalidOptionError } from '../core/errors.js';
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
    ['a port that is none', 'redis://redis.example:port', 'connection must be a URL like'],
    ['a number', 6379, 'got 6379'],
    ['nothing', null, 'got null'],
    ['a key prefix', { keyPrefix: 'a:' }, 'give it as the option prefix instead'],
  ])('refuses %s', (_what, connection, message) => {
    expect(() => connectionSource(connection)).toThrow(InvalidOptionError);
    expect(() => connectionSource(connection)).toThrow(message);
  });

  test('refuses an instance with a key prefix, and a cluster', () => {
    const prefixed = new Redis({ keyPrefix: 'a:', lazyConnect: true });
    const cluster = new Cluster([{ port: 1 }], { lazyConnect: true });
    for (const connection of [prefixed, cluster])
      expect(() => connectionSource(connection)).toThrow(InvalidOptionError);
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
