import type { Redis } from 'ioredis';
import type { ConnectionHealth } from '../../core/broker/health.js';

/**
 * What an open connection knows about a script: `asking`, permissions are being checked; `permitted`, the user has them
 * all; `known`, Redis also has the text without the check.
 */
export type ScriptStage = 'asking' | 'permitted' | 'known';

/** The scripts that were sent since a connection was last opened. */
export type SentScripts = Map<unknown, ScriptStage>;

/**
 * A way to Redis: one connection, or in a cluster all connections of the same role, of which each call takes the one that
 * leads to the node of its key.
 */
export interface Connection {
  /** The database number in the option `connection`. */
  readonly database: number;
  /** Keys of different hash tags may be at different nodes, so that no call may have both. */
  readonly isCluster: boolean;
  /** Commands can be sent, as far as is known. */
  readonly isReady: boolean;
  /** A command has no reply yet. */
  readonly isBusy: boolean;
  /** A caller waits for the connection to be ready. */
  readonly isAwaited: boolean;
  readonly scripts: SentScripts;
  /** The client of the connection that a call would take now. */
  readonly client: Redis;
  /** Of that connection: another one each time it is opened. */
  readonly socket: unknown;
  /** Redis's id of that connection (CLIENT ID); undefined if Redis does not tell. Another promise each time it is opened. */
  readonly serverId: Promise<number | undefined>;
  /** From past calls and replies, never by asking. */
  readonly health: ConnectionHealth;

  /** The way to the node that has this key. Keep it where many calls are for the same queue. */
  at(key: string): Connection;

  /** One for each node that has keys: of a single Redis, itself. @throws RedisUnavailableError */
  primaries(): Promise<readonly Connection[]>;

  /**
   * Resolves when commands can be sent. Without a time, it waits as long as calls that are tried again do. With 0 ms, it
   * waits only for the very first attempt to connect.
   * @throws RedisUnavailableError | RedisRefusedError
   */
  ready(timeoutMs?: number): Promise<void>;

  /**
   * Sends one command now, or several of the same hash tag. In a cluster, it calls `command` again, with the client of
   * another node, if the keys have moved there.
   * @throws RedisUnavailableError | OutcomeUnknownError | RedisRefusedError
   */
  run<T>(
    action: string,
    command: (client: Redis, scripts: SentScripts) => Promise<T>,
    messageId?: string,
  ): Promise<T>;

  /**
   * Runs a command for the connection's own purpose. While Redis refuses it, the connection is useless, and its health
   * says so. A full Redis is an exception: it refuses waits, but scripts still take messages.
   */
  runPurpose<T>(action: string, command: (client: Redis) => Promise<T>): Promise<T>;

  /**
   * The longest value, in bytes, that Redis accepts; Infinity if the user may not ask. Asked once each time the connection
   * is opened. Redis closes the connection if a longer value is sent.
   */
  longestValue(): Promise<number>;

  /** Replaces the connection with a new one; calls in flight reject. */
  reconnect(): void;

  /** Closes it for good. May be called twice. */
  close(): void;
}
