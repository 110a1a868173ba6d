import type { ConnectionHealth } from '../../core/broker/health.js';
import type { BrokerStatus } from '../../core/source/broker-source.js';
import type { Connection } from './connection.js';

/** All connections of a broker: to one Redis, or to the nodes of a cluster. */
export interface Connections {
  /** For commands that do not block. */
  open(role: string, onStatus?: (status: BrokerStatus) => void): Connection;

  /**
   * For subscriptions. Redis tells of changed keys there, which ioredis hands on by the older protocol only. In a cluster,
   * it leads to the node with this key, from which most is published.
   */
  openListener(role: string, key: string): Connection;

  /** For calls with this key that block for up to `longestMs`, and may return `graceMs` later (default 1,500). */
  openBlocking(role: string, key: string, longestMs: number, graceMs?: number): Connection;

  /**
   * Has a connection of {@link openBlocking} lead to where this key is now. Call it before each use: keys of a cluster
   * move. A connection that has to change is made anew.
   */
  lead(blocking: Connection, key: string): void;

  /** For parked bodies: commands, replies and renewals must not wait behind slow ones. Opened by its first use. */
  readonly bodies: Connection;

  /** What is known about each, without asking Redis. */
  readonly health: readonly ConnectionHealth[];

  /** Connections that are opened from now on are closed at once: nobody would close them later. */
  openNoMore(): void;

  /** Closes all of them for good. */
  close(): void;
}
