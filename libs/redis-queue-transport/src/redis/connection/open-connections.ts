import type { BrokerStatus } from '../../core/source/broker-source.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import type { Connections } from './connections.js';
import { RedisConnection } from './redis-connection.js';
import type { ConnectionEvents } from './redis-connection.js';
import type { ConnectionPurpose } from './connection-settings.js';
import type { ConnectionSource } from './source.js';
import { FailoverWatch } from './failover-watch.js';

/** Longest silence, in ms, of a connection for commands that do not block while a reply is due. */
export const COMMAND_DEADLINE_MS = 5_000;
/** How late, in ms, a blocking call may return after its own timeout if a lost reply can be made up for. */
export const BLOCKING_GRACE_MS = 1_500;

/** After it was noticed that Redis is a replica now, how long that is not told again. */
const DEMOTION_MS = 5_000;

/** All connections of a broker to one Redis that have not been closed. Each is named for its role and the process. */
export class OpenConnections implements Connections {
  readonly #open = new Set<RedisConnection>();
  /** Those that only hear what is published. */
  readonly #listening = new Set<RedisConnection>();
  #bodies: RedisConnection | undefined;
  #watch: FailoverWatch | undefined;
  #demotedAt = -Infinity;
  #isClosed = false;

  constructor(
    private readonly source: ConnectionSource,
    /** Names this process in Redis. */
    private readonly process: string,
    private readonly onError: (error: unknown) => void,
    /** A node of a cluster replied that a slot is at another one. Gets what it replied. */
    private readonly onMoved?: (reply: string) => void,
  ) {}

  open(role: string, onStatus?: (status: BrokerStatus) => void): RedisConnection {
    return this.#add(role, COMMAND_DEADLINE_MS, onStatus);
  }

  openListener(role: string): RedisConnection {
    const connection = this.#add(role, COMMAND_DEADLINE_MS, undefined, { protocol: 2 });
    if (!this.#isClosed) this.#listening.add(connection);
    return connection;
  }

  openBlocking(
    role: string,
    _key: string,
    longestMs: number,
    graceMs = BLOCKING_GRACE_MS,
  ): RedisConnection {
    return this.#add(role, longestMs + graceMs);
  }

  /** All keys are at the same place. */
  lead(): void {
    return;
  }

  get bodies(): RedisConnection {
    return (this.#bodies ??= this.open('bodies'));
  }

  get health(): readonly ConnectionHealth[] {
    return [...this.#open].map((connection) => connection.health);
  }

  openNoMore(): void {
    this.#isClosed = true;
  }

  close(): void {
    this.openNoMore();
    this.#watch?.stop();
    for (const connection of this.#open) connection.close();
  }

  #add(
    role: string,
    deadlineMs: number,
    onStatus?: (status: BrokerStatus) => void,
    purpose?: ConnectionPurpose,
  ): RedisConnection {
    const name = `rq-${role}-${this.process}`;
    const events: ConnectionEvents = {
      status: (status) => {
        if (status === 'connected') this.#watchFailovers(connection);
        onStatus?.(status);
      },
      error: this.onError,
      demoted: () => this.#onDemoted(),
      ...(this.onMoved && { moved: this.onMoved }),
      closed: () => {
        this.#open.delete(connection);
        this.#listening.delete(connection);
      },
    };
    const connection = new RedisConnection(this.source, name, deadlineMs, events, purpose);
    this.#open.add(connection);
    if (this.#isClosed) connection.close();
    return connection;
  }

  /** Only now, since a process that needs no Redis needs no Sentinels either. */
  #watchFailovers({ client: { options } }: RedisConnection): void {
    if (this.#isClosed || !options.sentinels?.length) return;
    const { sentinels } = this.source;
    const name = `rq-sentinel-${this.process}`;
    this.#watch ??= new FailoverWatch(options, sentinels, name, (primary) => {
      for (const connection of this.#open) connection.moveTo(primary);
    });
    this.#watch.start();
  }

  /**
   * One connection has learnt, by a write, that its Redis is a replica now. Those that only listen would not: they are
   * replaced, so that they hear the new primary, and their owners look for what they have missed.
   */
  #onDemoted(): void {
    const now = performance.now();
    if (now - this.#demotedAt < DEMOTION_MS) return;
    this.#demotedAt = now;
    for (const connection of this.#listening) connection.reconnect();
  }
}
