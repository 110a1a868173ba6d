import type { NatMap, RedisOptions } from 'ioredis';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { invalid } from '../../core/options/options.js';
import type { ClusterPlace, NodeAddress } from '../connection/source.js';
import { checkConnectionOptions, refuseKeyPrefix } from './connection-options.js';
import type { ConnectionOptions } from './connection-options.js';
import { openerWith } from './credentialed-redis.js';
import { templateOfUrl } from './redis-url.js';

/**
 * A Redis Cluster: some of its nodes, from which the others are learnt, and the options of ioredis that all of them share.
 * User, password and TLS may also stand in the first URL.
 */
export interface ClusterOptions extends Omit<
  ConnectionOptions,
  'host' | 'port' | 'path' | 'sentinels' | 'name'
> {
  /** URLs (redis://, rediss:// for TLS) or { host, port }. One that can be reached is enough. */
  readonly nodes: readonly (string | Partial<NodeAddress>)[];
}

const DEFAULT_PORT = 6_379;
const NOT_OF_NODES = ['host', 'port', 'path', 'sentinels', 'name'];

/** @throws InvalidOptionError */
export function clusterPlace(given: object): ClusterPlace {
  const { nodes, ...others } = given as { readonly nodes: unknown };
  const misplaced = Object.keys(others).find((option) => NOT_OF_NODES.includes(option));
  if (misplaced !== undefined)
    throw new InvalidOptionError(
      `connection.${misplaced}`,
      `connection has nodes, so it must not have ${misplaced} as well: all nodes of a cluster are learnt from those`,
    );
  checkConnectionOptions(others);
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw invalid('connection.nodes', 'a list of URLs or of { host, port }', nodes);
  const templates = nodes.map((node: unknown, index) =>
    optionsOf(node, `connection.nodes[${index}]`),
  );
  return placeOf(templates, others);
}

/** Copies the settings of a Cluster of ioredis. */
export function placeOfInstance(cluster: object): ClusterPlace {
  const options = (Reflect.get(cluster, 'options') ?? {}) as {
    readonly redisOptions?: RedisOptions;
    readonly natMap?: NatMap;
    readonly keyPrefix?: string;
  };
  const nodes: unknown = Reflect.get(cluster, 'startupNodes'); // private, but there is no other way to learn them
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new InvalidOptionError(
      'connection',
      'connection is a Cluster whose start nodes cannot be read: give { nodes: [{ host, port }, …] } instead',
    );
  const { redisOptions = {}, natMap, keyPrefix } = options;
  const given = { ...redisOptions, ...(natMap && { natMap }), ...(keyPrefix && { keyPrefix }) };
  return placeOf(
    nodes.map((node: unknown) =>
      optionsOf(typeof node === 'number' ? { port: node } : node, 'connection'),
    ),
    given,
  );
}

function placeOf(templates: readonly RedisOptions[], given: ConnectionOptions): ClusterPlace {
  const { credentials, natMap, ...others } = given;
  const options = { ...sharedOf(templates[0]), ...others };
  for (const template of templates) refuseUnusable(template);
  refuseUnusable(options);
  if (!isNatMap(natMap))
    throw invalid(
      'connection.natMap',
      'a function or an object like { "announced:6379": { host, port } }',
      natMap,
    );
  const [first, ...more] = templates.map(addressOf);
  return {
    seeds: [first ?? addressOf({}), ...more],
    natMap: natMap ?? undefined,
    open: openerWith(options, credentials),
  };
}

function addressOf({ host = '127.0.0.1', port = DEFAULT_PORT }: RedisOptions): NodeAddress {
  return { host, port };
}

/** What a node was given beside its address, which holds for all. */
function sharedOf({ username, password, tls, db }: RedisOptions = {}): RedisOptions {
  return {
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
    ...(tls ? { tls } : {}),
    ...(db ? { db } : {}),
  };
}

function refuseUnusable({ db, keyPrefix }: RedisOptions): void {
  if (db !== undefined && db !== null && Number(db) !== 0)
    throw new InvalidOptionError(
      'connection.db',
      `connection.db must be 0 for a cluster, got ${db}: a cluster has no other databases; keep applications apart by the option prefix`,
    );
  refuseKeyPrefix({ keyPrefix });
}

function isNatMap(natMap: unknown): natMap is NatMap | null | undefined {
  if (natMap === undefined || natMap === null || typeof natMap === 'function') return true;
  return typeof natMap === 'object' && Object.values(natMap).every(isAddress);
}

function isAddress(place: unknown): boolean {
  if (typeof place !== 'object' || place === null) return false;
  const { host, port } = place as Partial<Record<keyof NodeAddress, unknown>>;
  return typeof host === 'string' && host !== '' && Number.isInteger(Number(port ?? NaN));
}

function optionsOf(node: unknown, name: string): RedisOptions {
  if (typeof node === 'string') return templateOfUrl(node, name).options;
  if (typeof node !== 'object' || node === null)
    throw invalid(name, 'a URL or { host, port }', node);
  checkConnectionOptions(node);
  const { port, ...others } = node;
  return { ...others, ...(port ? { port: Number(port) } : {}) };
}
