import type { AdminBroker } from '../admin/admin-broker.js';
import { isMarked } from '../errors/mark.js';
import type { SendBudget } from '../requests/send-budget.js';
import type { Broker, ReplicaTerms } from '../broker/broker.js';
import type { RedisQueueHealth } from '../broker/health.js';

/** Shared by every copy of this package, as `core/errors/mark.ts` explains. A literal, so that types can name it. */
export const BROKER_SOURCE: unique symbol = Symbol.for(
  'nestjs-redis-queue-transport.broker-source',
);

/** Opens brokers that are not Redis. May be given as the option `connection` of a server, a client or an admin. */
export interface BrokerSource {
  readonly [BROKER_SOURCE]: true;
  /** Connects nothing yet: {@link Broker.connect} does that. */
  open(settings: BrokerSettings, events: BrokerEvents): OpenBroker;
  openAdmin(settings: PlaceSettings): AdminBroker;
}

/** Settings that the brokers and admins of a source share. */
export interface PlaceSettings {
  readonly prefix: string;
  /** How long, in ms, a call waits for a connection that is away. */
  readonly connectTimeoutMs: number;
}

export interface BrokerSettings extends PlaceSettings {
  /** What to do if a full Redis may evict keys. */
  readonly onEviction: 'ignore' | 'warn' | 'refuse';
  /** The bodies of larger elements are parked. */
  readonly parkAboveBytes: number | false;
  /** Pushes and events with copies resolve once so many replicas have them; a broker without replicas ignores it. */
  readonly waitForReplicas?: ReplicaTerms | undefined;
  /** Bounds pushes and events without a reply yet. A call beyond it rejects with `SenderFullError`. */
  readonly budget: SendBudget;
}

export type BrokerStatus = 'connected' | 'reconnecting' | 'disconnected';

export interface BrokerEvents {
  status(status: BrokerStatus): void;
  /** Something about the setup that people should know about. */
  warning(text: string): void;
  /** The event connection was lost and restored, this many times so far: live events sent meanwhile were missed. */
  interrupted(times: number): void;
  /**
   * A message was added to a queue that no server has ever served, or an event reached nobody. Called once for each
   * name, for at most a thousand names.
   */
  unserved(call: 'enqueue' | 'emit', name: string): void;
  /** Trouble in the background, where no call can reject. */
  error(error: unknown): void;
}

/** A broker, and what the Nest layer needs beside core's interface. */
export interface OpenBroker {
  readonly broker: Broker;
  /** The client of the broker's own library, for users who need it directly; undefined if there is none. */
  readonly native: unknown;
  /** Where the broker is, in words for people. */
  readonly place: string;
  /** Sends nothing. */
  health(): RedisQueueHealth;
}

export function isBrokerSource(value: unknown): value is BrokerSource {
  return isMarked(value, BROKER_SOURCE);
}
