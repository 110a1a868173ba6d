import type { Redis } from 'ioredis';
import { RedisUnavailableError } from '../../core/errors/call-errors.js';
import { pause } from '../../core/process/pause.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import type { Connection, SentScripts } from '../connection/connection.js';
import { FIRST_PAUSE_MS, LOOK_AGAIN_MS, SlotConnection } from './slot-connection.js';
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
    const any = await this.#anyReady();
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

  /** One node may be away: each has its turn. @throws RedisUnavailableError once no time is left */
  async #anyReady(): Promise<Connection> {
    const deadline = performance.now() + this.cluster.patienceMs;
    for (let turn = 0, failure: Error | undefined; ; turn += 1) {
      const leftMs = Math.max(0, deadline - performance.now());
      if (failure !== undefined && leftMs === 0) throw failure;
      const any = this.#isAnyReady ? this.#any : (this.#inTurn(turn) ?? this.#any);
      try {
        await any.ready(Math.min(leftMs, LOOK_AGAIN_MS));
        return any;
      } catch (error) {
        if (!(error instanceof RedisUnavailableError)) throw error;
        failure = error;
        await pause(FIRST_PAUSE_MS, undefined, nodeRuntime);
      }
    }
  }

  get #isAnyReady(): boolean {
    return this.cluster.primaries().some(({ isReady }) => isReady);
  }

  #inTurn(turn: number): Connection | undefined {
    const primaries = this.cluster.primaries();
    return primaries[turn % primaries.length];
  }

  get #any(): Connection {
    const primaries = this.cluster.primaries();
    return primaries.find(({ isReady }) => isReady) ?? primaries[0] ?? this.cluster.seed();
  }

  #some(test: (connection: Connection) => boolean): boolean {
    return [...this.#slots.values()].some(test);
  }
}
