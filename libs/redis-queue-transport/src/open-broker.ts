import type { AdminBroker } from './core/admin/admin-broker.js';
import type { Inspection } from './core/admin/inspection.js';
import { isBrokerSource } from './core/source/broker-source.js';
import type {
  BrokerEvents,
  BrokerSettings,
  BrokerSource,
  OpenBroker,
  PlaceSettings,
} from './core/source/broker-source.js';
import { InvalidOptionError } from './core/errors/start-errors.js';
import { RedisAdmin } from './redis/admin/redis-admin.js';
import { RedisBroker } from './redis/broker/redis-broker.js';
import {
  DEFAULT_CONNECTION,
  connectionSource as redisSource,
  placeOf,
} from './redis/address/connection-source.js';
import type { ConnectionSource as RedisSource } from './redis/connection/source.js';
import type { RedisConnectionOption } from './redis/address/connection-source.js';
import { EventTail } from './redis/events/event-tail.js';
import type { EventTailEvents } from './redis/events/event-tail.js';
import { RedisInspection } from './redis/inspection/redis-inspection.js';

export { DEFAULT_CONNECTION } from './redis/address/connection-source.js';

/**
 * Where messages are held: a Redis, given as a URL, ioredis options (with `credentials`, which returns user and password
 * for each connection) or an ioredis instance whose settings are copied (the instance itself is neither used nor closed);
 * or, for tests, a store that stands in for a Redis.
 */
export type ConnectionOption = RedisConnectionOption | BrokerSource;

/** A connection that was checked. */
export type ConnectionSource = RedisSource | BrokerSource;

/** How long tools wait for a connection. */
const CONNECT_WITHIN_MS = 5_000;

export interface ConnectionSettings extends PlaceSettings {
  readonly connection: ConnectionSource;
}

/** Returns an already resolved source unchanged. @throws InvalidOptionError */
export function connectionSource(connection: unknown): ConnectionSource {
  return isBrokerSource(connection) ? connection : redisSource(connection);
}

/** The only place that knows which broker there is: the Nest layer only sees the interface. */
export function openBroker(
  { connection, ...settings }: BrokerSettings & ConnectionSettings,
  events: BrokerEvents,
): OpenBroker {
  if (isBrokerSource(connection)) return connection.open(settings, events);
  const broker = new RedisBroker({ connection, ...settings }, events);
  const idle = connection.withoutEffect;
  if (idle.length > 0) {
    events.warning(
      `These fields of the option connection have no effect, since the library sets its own values: ${idle.join(', ')}.`,
    );
  }
  const { client } = broker;
  return { broker, native: client, place: placeOf(client.options), health: () => broker.health() };
}

/** The same for managing queues. */
export function openAdmin({ connection, ...settings }: ConnectionSettings): AdminBroker {
  if (isBrokerSource(connection)) return connection.openAdmin(settings);
  return new RedisAdmin({ connection, ...settings });
}

/** A tool's settings. The connection is not checked yet, and may be undefined. */
interface ToolSettings {
  readonly connection: unknown;
  readonly prefix: string;
}

function forTools({ connection, prefix }: ToolSettings) {
  if (isBrokerSource(connection)) {
    throw new InvalidOptionError(
      'connection',
      'connection must be a Redis, got a store that stands in for one: this tool looks at Redis itself',
    );
  }
  const source = redisSource(connection ?? DEFAULT_CONNECTION);
  return { connection: source, prefix, connectTimeoutMs: CONNECT_WITHIN_MS };
}

/**
 * Shows people events as they happen, and leaves no trace in Redis. @throws InvalidOptionError | InvalidPatternError
 */
export function openTail(
  settings: ToolSettings,
  pattern: string,
  events: EventTailEvents,
): { listen(): Promise<void>; close(): Promise<void> } {
  return new EventTail(forTools(settings), pattern, events);
}

/** Looks at Redis itself. @throws InvalidOptionError */
export function openInspection(settings: ToolSettings): Inspection {
  return new RedisInspection(forTools(settings));
}
