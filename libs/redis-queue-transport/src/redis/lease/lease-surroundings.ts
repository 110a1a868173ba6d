import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import type { Waiting } from '../waiting/waiting.js';
import type { RenewalRounds } from './renewal-rounds.js';
import type { LargeElements } from '../parking/large-elements.js';
import type { TakingEnd } from '../lua/moving-lua.js';

/** What a lease needs from its broker. */
export interface LeaseSurroundings {
  /** For scripts; shared with everything else in this process. */
  readonly commands: Connection;
  readonly waiting: Waiting;
  readonly rounds: RenewalRounds;
  /** For parked bodies, so that nothing else waits behind them. */
  readonly bodies: () => Connection;
  readonly keys: QueueKeys;
  readonly large: LargeElements;
  readonly takesFrom: TakingEnd;
  /** There may be a large element among the first waiting ones. */
  readonly mayMeetLarge: boolean;
  /** Makes a unique id. */
  readonly newId: () => string;
  /** Sends what must go out before an exchange. */
  readonly flushReplies: () => void;
  /** Redis has renewed the lease, at this time in ms of its own. */
  readonly onRenewed: (nowMs: number) => void;
  /** Something may have changed in the queue. */
  readonly lookAround: () => void;
  /** The lease is over for good. */
  readonly onOver: () => void;
  /** Tells health why Redis refuses to hand out and settle; undefined once it works again. */
  readonly onRefusal: (refusal: string | undefined) => void;
}
