import type { SendBudget } from '../../core/requests/send-budget.js';
import type { ConnectionStatus } from '../connection/connection.js';
import type { ConnectionSource } from '../connection/connection-source.js';

export interface RedisBrokerOptions {
  readonly connection: ConnectionSource;
  readonly prefix: string;
  /** How long a call waits for a connection that is away. */
  readonly connectTimeoutMs: number;
  /** What to do if a full Redis may evict keys. */
  readonly onEviction: 'ignore' | 'warn' | 'refuse';
  /** The bodies of larger elements are parked. */
  readonly parkAboveBytes: number | false;
  /** Bounds pushes and events without a reply yet. A call beyond it rejects with `SenderFullError`. */
  readonly budget: SendBudget;
}

export interface RedisBrokerEvents {
  status(status: ConnectionStatus): void;
  /** Something about the setup that people should know. */
  warning(text: string): void;
  /** The event connection was lost and restored, this many times so far: live events sent meanwhile were missed. */
  interrupted(times: number): void;
  /**
   * A message was added to a queue that no server has ever served, or an event reached nobody. Called once for each name,
   * for at most a thousand names.
   */
  unserved(call: 'enqueue' | 'emit', name: string): void;
  /** Trouble in the background, where no call can reject. */
  error(error: unknown): void;
}
