import type { Redis } from 'ioredis';
import type { ConnectionHealth } from '../../core/broker/health.js';
import type { Connection, SentScripts } from '../connection/connection.js';
import { SlotConnection } from './slot-connection.js';
import type { SlotSurroundings } from './slot-connection.js';
import { slotOf } from './slots.js';

/** What all connections of one role need from their cluster. */
export interface RoleSurroundings extends SlotSurroundings {
  /** The connections of the role, for each node that has slots. */
  readonly primaries: () => readonly Connection[];
  /** The connection to a node that was given. */
  readonly seed: () => Connection;
  readonly isKnown: () => boolean;
  /** Why nothing is known, for people. */
  readonly health: () => ConnectionHealth;
}

/** All connections of one role to the nodes of a cluster, each opened when a slot of its node is used. */
export class ClusterConnection implements Connection {
  readonly database = 0;
  readonly isCluster = true;
  readonly #slots = new Map<number, SlotConnection>();

  constructor(private readonly cluster: RoleSurroundings) {}

  at(key: string): SlotConnection {
    const slot = slotOf(key);
    const known = this.#slots.get(slot);
    if (known !== undefined) return known;
    const connection = new SlotConnection(slot, this.cluster);
    this.#slots.set(slot, connection);
    return connection;
  }

  async primaries(): Promise<readonly Connection[]> {
    await this.ready(this.cluster.patienceMs);
    return this.cluster.primaries();
  }

  /** It is known which node has which slots. A call still opens the connection to its node, or waits for it. */
  get isReady(): boolean {
    return this.cluster.isKnown();
  }

  get isBusy(): boolean {
    return this.#some(({ isBusy }) => isBusy);
  }

  get isAwaited(): boolean {
    return this.#some(({ isAwaited }) => isAwaited);
  }

  get scripts(): SentScripts {
    return this.#any.scripts;
  }

  get client(): Redis {
    return this.#any.client;
  }

  get socket(): unknown {
    return this.#any.socket;
  }

  get serverId(): Promise<number | undefined> {
    return this.#any.serverId;
  }

  get health(): ConnectionHealth {
    return this.cluster.health();
  }

  ready(timeoutMs = 1_000): Promise<void> {
    return this.cluster.known(timeoutMs);
  }

  /** For commands without a key. */
  async run<T>(
    action: string,
    command: (client: Redis, scripts: SentScripts) => Promise<T>,
    messageId?: string,
  ): Promise<T> {
    const any = this.#any;
    await any.ready(this.cluster.patienceMs);
    return any.run(action, command, messageId);
  }

  runPurpose<T>(action: string, command: (client: Redis) => Promise<T>): Promise<T> {
    return this.run(action, command);
  }

  longestValue(): Promise<number> {
    return this.#any.longestValue();
  }

  reconnect(): void {
    for (const connection of this.cluster.primaries()) connection.reconnect();
  }

  close(): void {
    for (const connection of this.cluster.primaries()) connection.close();
  }

  get #any(): Connection {
    const primaries = this.cluster.primaries();
    return primaries.find(({ isReady }) => isReady) ?? primaries[0] ?? this.cluster.seed();
  }

  #some(test: (connection: Connection) => boolean): boolean {
    return [...this.#slots.values()].some(test);
  }
}
