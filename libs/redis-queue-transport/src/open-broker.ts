import type { AdminBroker } from './core/admin/admin-broker.js';
import type { Broker } from './core/broker/broker.js';
import type { RedisQueueHealth } from './core/broker/health.js';
import {
  DEFAULT_CONNECTION,
  connectionSource,
  placeOf,
} from './redis/connection/connection-source.js';
import type { ConnectionSource } from './redis/connection/connection-source.js';
import type { Inspection } from './core/admin/inspection.js';
import { RedisAdmin } from './redis/admin/redis-admin.js';
import { RedisInspection } from './redis/inspection/redis-inspection.js';
import { EventTail } from './redis/events/event-tail.js';
import type { EventTailEvents } from './redis/events/event-tail.js';
import { RedisBroker } from './redis/broker/redis-broker.js';
import type { RedisBrokerEvents, RedisBrokerOptions } from './redis/broker/broker-options.js';

export type { ConnectionOption, ConnectionSource } from './redis/connection/connection-source.js';
export type { RedisBrokerEvents as BrokerEvents } from './redis/broker/broker-options.js';
export { DEFAULT_CONNECTION, connectionSource } from './redis/connection/connection-source.js';

/** How long tools wait for a connection. */
const CONNECT_WITHIN_MS = 5_000;

/** A broker, and what the Nest layer needs beside core's interface. */
export interface OpenBroker {
  readonly broker: Broker;
  /** The client of the broker's own library, for users who need it directly. */
  readonly native: unknown;
  /** Where the broker is, in words for people. */
  readonly place: string;
  /** Sends nothing. */
  health(): RedisQueueHealth;
}

export interface ConnectionSettings {
  readonly connection: ConnectionSource;
  readonly prefix: string;
  readonly connectTimeoutMs: number;
}

/** The only place that knows which broker there is: the Nest layer only sees the interface. */
export function openBroker(
  options: ConnectionSettings &
    Pick<RedisBrokerOptions, 'onEviction' | 'parkAboveBytes' | 'budget'>,
  events: RedisBrokerEvents,
): OpenBroker {
  const broker = new RedisBroker(options, events);
  const idle = options.connection.withoutEffect;
  if (idle.length > 0) {
    events.warning(
      `These fields of the option connection have no effect, since the library sets its own values: ${idle.join(', ')}.`,
    );
  }
  const { client } = broker;
  return { broker, native: client, place: placeOf(client.options), health: () => broker.health() };
}

/** The same for managing queues. */
export function openAdmin(options: ConnectionSettings): AdminBroker {
  return new RedisAdmin(options);
}

/** A tool's settings. The connection is not checked yet, and may be undefined. */
interface ToolSettings {
  readonly connection: unknown;
  readonly prefix: string;
}

function forTools({ connection, prefix }: ToolSettings): ConnectionSettings {
  const source = connectionSource(connection ?? DEFAULT_CONNECTION);
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
