import { Redis } from 'ioredis';
import type { Cluster, RedisOptions } from 'ioredis';
import { invalid } from '../../core/options/options.js';
import {
  checkConnectionOptions,
  optionsWithoutEffect,
  refuseKeyPrefix,
} from './connection-options.js';
import type { ConnectionOptions } from './connection-options.js';
import { clusterPlace, placeOfInstance } from './cluster-settings.js';
import type { ClusterOptions } from './cluster-settings.js';
import type { ClusterPlace, ConnectionSource, NodeAddress, Open } from '../connection/source.js';
import { openerWith } from './credentialed-redis.js';
import { templateOfUrl } from './redis-url.js';
import { KnownSentinels } from '../sentinels/known-sentinels.js';

/**
 * Where Redis is: a URL, ioredis options (with `credentials`, which returns user and password for each connection), or an
 * ioredis instance whose settings are copied (the instance itself is neither used nor closed). For a Redis Cluster: options
 * with some of its `nodes`, or a Cluster of ioredis.
 */
export type RedisConnectionOption = string | ConnectionOptions | ClusterOptions | Redis | Cluster;

/** By default, ioredis waits for ever for the reply of a Sentinel that hangs. */
const SENTINEL_REPLY_MS = 1_000;

export const DEFAULT_CONNECTION = 'redis://127.0.0.1:6379';

/** Returns an already resolved source unchanged. @throws InvalidOptionError */
export function connectionSource(connection: unknown): ConnectionSource {
  if (isSource(connection)) return connection;
  const sentinels = new KnownSentinels();
  const withoutEffect = optionsWithoutEffect(connection);
  const place = clusterOf(connection);
  if (place === undefined) {
    const open = openerOf(connection, sentinels);
    const source: Open = (settings) => lettingGo(open(settings));
    return Object.assign(source, { withoutEffect, sentinels, cluster: undefined });
  }
  const cluster = { ...place, open: (settings: RedisOptions) => lettingGo(place.open(settings)) };
  const [first] = cluster.seeds;
  const source: Open = (settings) => cluster.open({ ...first, ...settings });
  return Object.assign(source, { withoutEffect, sentinels, cluster });
}

/** The same, always to this node of a cluster. */
export function sourceAt(
  source: ConnectionSource,
  cluster: ClusterPlace,
  address: NodeAddress,
): ConnectionSource {
  const { withoutEffect, sentinels } = source;
  const open: Open = (settings) => cluster.open({ ...settings, ...address });
  return Object.assign(open, { withoutEffect, sentinels, cluster });
}

function clusterOf(connection: unknown): ClusterPlace | undefined {
  if (isClusterLike(connection)) return placeOfInstance(connection);
  const isPlain = typeof connection === 'object' && connection !== null;
  return isPlain && 'nodes' in connection && !Array.isArray(connection) && !isRedisLike(connection)
    ? clusterPlace(connection)
    : undefined;
}

/** What is left of the arguments of a command that has its reply. One for all: nobody adds to it. */
const NOTHING: string[] = [];

/**
 * Has a client let go of the arguments of each command once its reply is there, and returns it. ioredis keeps them as long
 * as the command lives, which may be until the next full garbage collection: docs/decisions/0032. A command without a reply
 * keeps them, since ioredis may have to send it again.
 */
function lettingGo(client: Redis): Redis {
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, stream) => {
    const { resolve } = command;
    command.resolve = (reply) => {
      resolve(reply);
      command.args = NOTHING;
    };
    return send(command, stream);
  };
  return client;
}

/** Where a connection goes, for people: without user and password. */
export function placeOf(options: RedisOptions): string {
  const { host = '127.0.0.1', port = 6379, db = 0, path, sentinels, name, tls } = options;
  if (sentinels !== undefined && sentinels !== null && sentinels.length > 0) {
    const all = sentinels.map((sentinel) => `${sentinel.host}:${sentinel.port}`).join(', ');
    return `"${name}" of the Sentinels ${all}, database ${db}`;
  }
  if (path !== undefined && path !== null) return `${path}, database ${db}`;
  return `${tls === undefined ? 'redis' : 'rediss'}://${host}:${port}/${db}`;
}

function isSource(value: unknown): value is ConnectionSource {
  return typeof value === 'function' && 'withoutEffect' in value;
}

function openerOf(connection: unknown, sentinels: KnownSentinels): Open {
  if (typeof connection === 'string') return fromUrl(connection);
  if (connection instanceof Redis || isRedisLike(connection)) {
    refuseKeyPrefix(connection.options);
    const ofSentinels = sentinelSettings(connection.options, sentinels);
    return (settings) => connection.duplicate({ ...ofSentinels, ...settings });
  }
  if (typeof connection === 'object' && connection !== null) {
    checkConnectionOptions(connection);
    const { credentials, ...given } = connection;
    const options = { ...given, ...sentinelSettings(given, sentinels) };
    refuseKeyPrefix(options);
    return openerWith(options, credentials);
  }
  throw invalid(
    'connection',
    'a redis:// or rediss:// URL, ioredis options, an ioredis instance or a store for tests',
    connection,
  );
}

function sentinelSettings(given: RedisOptions, sentinels: KnownSentinels): RedisOptions {
  const { sentinelCommandTimeout = SENTINEL_REPLY_MS, Connector = sentinels.connector } = given;
  return given.sentinels?.length ? { sentinelCommandTimeout, Connector } : {};
}

function fromUrl(url: string): Open {
  const template = templateOfUrl(url, 'connection');
  refuseKeyPrefix(template.options);
  return (settings) => template.duplicate(settings);
}

/** `instanceof` does not recognise instances of another copy of ioredis. */
function isRedisLike(value: unknown): value is Redis {
  return isObjectWithMethod(value, 'duplicate') && !isClusterLike(value) && 'options' in value;
}

function isClusterLike(value: unknown): value is object {
  return isObjectWithMethod(value, 'nodes') && 'isCluster' in value && value.isCluster === true;
}

function isObjectWithMethod(value: unknown, method: string): value is object {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function'
  );
}
