import type { RedisOptions } from 'ioredis';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { invalid, unknownOption } from '../../core/options/options.js';
import { safeSettings } from '../connection/connection-settings.js';

export interface RedisCredentials {
  /** Default: the default user of Redis. */
  readonly username?: string | undefined;
  readonly password: string;
}

/** The options of ioredis, and `credentials`. */
export interface ConnectionOptions extends RedisOptions {
  /**
   * Returns user and password, instead of `username` and `password`: for tokens that expire. Called before each attempt to
   * open a connection, reconnects included. Rejections are reported as errors, and it is called again after growing pauses.
   */
  readonly credentials?: (() => Promise<RedisCredentials> | RedisCredentials) | undefined;
}

/** All options of ioredis. The compiler checks that none is missing. */
const KNOWN: Readonly<Record<keyof ConnectionOptions, true>> = {
  credentials: true,
  Connector: true,
  retryStrategy: true,
  commandTimeout: true,
  blockingTimeout: true,
  blockingTimeoutGrace: true,
  socketTimeout: true,
  keepAlive: true,
  noDelay: true,
  connectionName: true,
  disableClientInfo: true,
  clientInfoTag: true,
  username: true,
  password: true,
  db: true,
  autoResubscribe: true,
  autoResendUnfulfilledCommands: true,
  reconnectOnError: true,
  readOnly: true,
  stringNumbers: true,
  protocol: true,
  replyMapping: true,
  connectTimeout: true,
  monitor: true,
  maxRetriesPerRequest: true,
  maxLoadingRetryTime: true,
  enableAutoPipelining: true,
  autoPipeliningIgnoredCommands: true,
  offlineQueue: true,
  commandQueue: true,
  enableOfflineQueue: true,
  enableReadyCheck: true,
  lazyConnect: true,
  scripts: true,
  himportFieldsets: true,
  keyPrefix: true,
  showFriendlyErrorStack: true,
  name: true,
  role: true,
  tls: true,
  sentinelUsername: true,
  sentinelPassword: true,
  sentinels: true,
  path: true,
  family: true,
  sentinelRetryStrategy: true,
  sentinelReconnectStrategy: true,
  preferredSlaves: true,
  disconnectTimeout: true,
  sentinelCommandTimeout: true,
  enableTLSForSentinelMode: true,
  sentinelTLS: true,
  natMap: true,
  updateSentinels: true,
  sentinelMaxConnections: true,
  failoverDetector: true,
  port: true,
  host: true,
};

/** Options of other libraries that people try here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  url: 'give the URL itself as connection, or host, port, username, password, db and tls',
  retryAttempts:
    'lost connections are reopened for as long as it takes; connectTimeoutMs, beside connection, bounds how long a call waits',
  retryDelay:
    'pauses grow from 50 ms to a second; connectTimeoutMs, beside connection, bounds how long a call waits',
  wildcards: 'patterns of @EventPattern may have wildcards without it',
  serializer: 'set it beside connection, not in it',
  deserializer: 'set it beside connection, not in it',
  prefix: 'set it beside connection, not in it',
};

/** @throws InvalidOptionError for an unknown name, or a value with which ioredis would connect elsewhere */
export function checkConnectionOptions(given: object): asserts given is ConnectionOptions {
  if (Array.isArray(given)) {
    throw new InvalidOptionError(
      'connection',
      'connection must be one place, got an array: give one of its items, { nodes: […] } for a Redis Cluster, or { sentinels: […], name } for Sentinels',
    );
  }
  for (const [option, value] of Object.entries(given)) {
    const elsewhere = ELSEWHERE[option];
    if (elsewhere !== undefined)
      throw new InvalidOptionError(
        `connection.${option}`,
        `connection has no option ${option}: ${elsewhere}`,
      );
    if (!Object.hasOwn(KNOWN, option))
      throw unknownOption(option, Object.keys(KNOWN), 'connection', 'connection.');
    // Some defaults of ioredis are null.
    if (value !== undefined && value !== null) checkValue(option, value);
  }
}

function checkValue(option: string, value: unknown): void {
  const name = `connection.${option}`;
  switch (option) {
    case 'port':
      if (!isWhole(value, 0, 65_535)) throw invalid(name, 'a whole number from 0 to 65535', value);
      break;
    case 'db':
      if (!isWhole(value, 0, Infinity)) throw invalid(name, 'a whole number ≥ 0', value);
      break;
    case 'host':
    case 'path':
    case 'username':
      if (typeof value !== 'string') throw invalid(name, 'text', value);
      break;
    case 'password':
      // The value must not appear in a log.
      if (typeof value !== 'string')
        throw new InvalidOptionError(name, `${name} must be text, got ${typeof value}`);
      break;
    case 'credentials':
      if (typeof value !== 'function')
        throw new InvalidOptionError(name, `${name} must be a function, got ${typeof value}`);
      break;
    case 'tls':
      if (typeof value !== 'object')
        throw invalid(
          name,
          'an object of options for Node’s tls.connect(), {} for the defaults',
          value,
        );
      break;
    case 'sentinels':
      if (!Array.isArray(value)) throw invalid(name, 'a list of { host, port }', value);
      break;
    default:
  }
}

/** ioredis also accepts numbers as text, as in environment variables. */
function isWhole(value: unknown, least: number, most: number): boolean {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) && Number(number) >= least && Number(number) <= most;
}

/** The library has a prefix of its own. @throws InvalidOptionError */
export function refuseKeyPrefix({ keyPrefix }: { readonly keyPrefix?: string | undefined }): void {
  if (!keyPrefix) return;
  throw new InvalidOptionError(
    'connection',
    `connection must not have a keyPrefix (got "${keyPrefix}"): give it as the option prefix instead`,
  );
}

/** Names of given options that are ignored, because the library sets them itself. */
export function optionsWithoutEffect(connection: unknown): readonly string[] {
  const isPlain =
    typeof connection === 'object' && connection !== null && !('duplicate' in connection);
  if (!isPlain) return [];
  return Object.entries(safeSettings('')).flatMap(([option, ours]) => {
    const given: unknown = Reflect.get(connection, option);
    return given === undefined || given === ours ? [] : [option];
  });
}
