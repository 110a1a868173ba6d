import type { BrokerStatus } from '../../core/source/broker-source.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import { Connection } from './connection.js';
import type { ConnectionSource } from './connection-source.js';

/** Longest silence, in ms, of a connection for commands that do not block while a reply is due. */
export const COMMAND_DEADLINE_MS = 5_000;
/** How late, in ms, a blocking call may return after its own timeout if a lost reply can be made up for. */
const BLOCKING_GRACE_MS = 1_500;

/** All connections of a broker that have not been closed. Each is named for its role and the process. */
export class OpenConnections {
  readonly #open = new Set<Connection>();
  #bodies: Connection | undefined;
  #isClosed = false;

  constructor(
    private readonly source: ConnectionSource,
    /** Names this process in Redis. */
    private readonly process: string,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** For commands that do not block. */
  open(role: string, onStatus?: (status: BrokerStatus) => void): Connection {
    return this.#add(role, COMMAND_DEADLINE_MS, onStatus);
  }

  /** For calls that block for up to `longestMs`, and may return `graceMs` later (default 1,500). */
  openBlocking(role: string, longestMs: number, graceMs = BLOCKING_GRACE_MS): Connection {
    return this.#add(role, longestMs + graceMs);
  }

  /** For parked bodies: commands, replies and renewals must not wait behind slow ones. Opened by its first use. */
  get bodies(): Connection {
    return (this.#bodies ??= this.open('bodies'));
  }

  /** What is known about each, without asking Redis. */
  get health(): readonly ConnectionHealth[] {
    return [...this.#open].map((connection) => connection.health);
  }

  /** Connections that are opened from now on are closed at once: nobody would close them later. */
  openNoMore(): void {
    this.#isClosed = true;
  }

  /** Closes all of them for good. */
  close(): void {
    this.openNoMore();
    for (const connection of this.#open) connection.close();
  }

  #add(role: string, deadlineMs: number, onStatus?: (status: BrokerStatus) => void): Connection {
    const name = `rq-${role}-${this.process}`;
    const connection = new Connection(this.source, name, deadlineMs, {
      ...(onStatus === undefined ? {} : { status: onStatus }),
      error: this.onError,
      closed: () => this.#open.delete(connection),
    });
    this.#open.add(connection);
    if (this.#isClosed) connection.close();
    return connection;
  }
}
