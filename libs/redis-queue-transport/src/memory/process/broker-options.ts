import type { SendBudget } from '../../core/requests/send-budget.js';
import type { Runtime } from '../../core/process/runtime.js';
import type { Link } from '../link/link.js';

export interface MemoryBrokerOptions {
  readonly prefix: string;
  /** How long a call waits for a link that is cut. */
  readonly connectTimeoutMs: number;
  /** The bodies of larger elements are parked. */
  readonly parkAboveBytes: number | false;
  /** Bounds pushes and events without an answer yet. A call beyond it rejects with `SenderFullError`. */
  readonly budget: SendBudget;
  /** Names this process in the store: no other broker has this name. */
  readonly process: string;
  readonly runtime: Runtime;
  /** The way to the store. */
  readonly link: Link;
}

export interface MemoryBrokerEvents {
  status(status: 'connected' | 'reconnecting' | 'disconnected'): void;
  /** News were missed this many times so far, as the link was cut and restored. */
  interrupted(times: number): void;
  /**
   * A message was added to a queue that no server has ever served, or an event reached nobody. Called once for each name,
   * for at most a thousand names.
   */
  unserved(call: 'enqueue' | 'emit', name: string): void;
  /** Trouble in the background, where no call can reject. */
  error(error: unknown): void;
}
