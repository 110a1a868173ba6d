import type { QueueLimit } from '../../../libs/redis-queue-transport/src/core/broker/limit.js';
import type { KeyLimit } from '../../../libs/redis-queue-transport/src/core/broker/per-key.js';

/**
 * What happens in one run, as plain data: it can be printed, and parts of it left out. Together with the seed, from which
 * the time of each call is drawn, it fixes everything.
 */
export interface Scenario {
  readonly seed: string;
  /** Nothing but delays, pauses and orderly stops: then messages are handled in order. */
  readonly isCalm: boolean;
  readonly queues: readonly QueuePlan[];
  readonly processes: readonly ProcessPlan[];
  /** Names of the processes that send. */
  readonly senders: readonly string[];
  readonly messages: readonly MessagePlan[];
  readonly acts: readonly Act[];
  readonly network: NetworkPlan;
}

/** Messages are sent, and things go wrong, in this time. */
export const BUSY_MS = 8_000;

/** Who takes part. */
export type Among = Pick<Scenario, 'queues' | 'processes' | 'senders'>;

export interface QueuePlan {
  readonly name: string;
  /** It takes the events of this pattern for a group; undefined for a queue of messages. */
  readonly eventsOf: string | undefined;
  readonly leaseMs: number;
  readonly attempts: number;
  readonly retryDelayMs: number;
  readonly maxCrashes: number;
  readonly onceMs: number | undefined;
  readonly timeoutMs: number | undefined;
  /** Handled in batches of so many. */
  readonly batchSize: number | undefined;
  /** Of all processes together; undefined for none. */
  readonly limit: QueueLimit | undefined;
  /** What may run, and start in a time, of each key. */
  readonly perKey: KeyLimit;
  /** Its handlers tell the keys of events from their data, in those processes that know how. */
  readonly readsKeys: boolean;
  /** How long they take to tell one, in ms; 0 for at once. */
  readonly keyMs: number;
  /** How many messages senders may let wait; undefined for any number. */
  readonly maxLength: number | undefined;
}

export interface ProcessPlan {
  readonly name: string;
  readonly startsAtMs: number;
  readonly rate: number;
  readonly wallAheadMs: number;
  readonly consumes: readonly ConsumerPlan[];
}

export interface ConsumerPlan {
  readonly queue: string;
  readonly concurrency: number;
  readonly prefetch: number;
  /** Knows how to tell keys from data, if its queue needs that. */
  readonly readsKeys: boolean;
}

/** What a handler does in one start. */
export type Step =
  | { readonly does: 'ok'; readonly ms: number }
  | { readonly does: 'fail'; readonly ms: number }
  | { readonly does: 'later'; readonly delayMs: number }
  /** The whole queue is to wait for that long, or the message's key. */
  | { readonly does: 'slowDown'; readonly ms: number; readonly of: 'queue' | 'key' }
  | { readonly does: 'reject' }
  /** Never ends. */
  | { readonly does: 'hang' }
  /** Blocks the event loop. */
  | { readonly does: 'compute'; readonly ms: number }
  /** Kills its process. */
  | { readonly does: 'kill' };

export interface MessagePlan {
  readonly id: string;
  readonly queue: string;
  readonly sender: string;
  /** Messages of one key are handled one after the other. */
  readonly key: string | undefined;
  /** What its data says. It becomes the key if the sender gives none and handlers read keys. */
  readonly dataKey: string | undefined;
  /** From 0 to 9; undefined for the usual one. */
  readonly priority: number | undefined;
  readonly sentAtMs: number;
  readonly delayMs: number | undefined;
  readonly expiresInMs: number | undefined;
  /** With a deduplication window, it is sent again after an unknown outcome. */
  readonly deduplicateMs: number | undefined;
  /** How long it waits for room if its queue is full. */
  readonly waitForRoomMs: number | undefined;
  /** What its handler does in each start; afterwards it is ok. */
  readonly steps: readonly Step[];
}

/** There are two, so that they can do the same at once. */
export type Administrators = 0 | 1;

export type CutFrom = 'now' | 'next call' | 'next wait' | 'next reading';

/** What becomes of commands that were sent, and not executed, when a link was cut. */
export type Fate = 'never' | 'late';

export type Act = { readonly atMs: number } & (
  | { readonly act: 'kill' | 'restart'; readonly process: string }
  | { readonly act: 'freeze' | 'sleep' | 'setWall'; readonly process: string; readonly ms: number }
  | { readonly act: 'stop'; readonly process: string; readonly deadlineMs: number }
  | {
      readonly act: 'cut';
      readonly process: string;
      /** Whether it begins at once, or right after the process has sent something. */
      readonly from: CutFrom;
      /** How long nothing goes through before the process notices. */
      readonly silentMs: number;
      /** How long it then cannot connect. */
      readonly ms: number;
      readonly fate: Fate;
      readonly lateMs: number;
    }
  | { readonly act: 'setRedisClock' | 'freezeRedis'; readonly ms: number }
  | {
      /** A replica becomes the primary. */
      readonly act: 'failover';
      /** How far it was behind, in ms. */
      readonly lagMs: number;
      /** How long after the end of the old primary processes notice that, in ms. Not before they reach the new one. */
      readonly silentMs: number;
      /** How long after it they reach the new one, in ms, or a little later. */
      readonly awayMs: number;
      /** How far the clock of the new one is ahead of that of the old one, in ms. */
      readonly clockMs: number;
    }
  /** Redis moves everything to another place, and meanwhile refuses all calls. */
  | { readonly act: 'move'; readonly ms: number }
  /** By the administrator of this number. */
  | {
      readonly act: 'pause' | 'resume' | 'redrive';
      readonly queue: string;
      readonly by: Administrators;
    }
  | {
      readonly act: 'pauseKey' | 'resumeKey';
      readonly queue: string;
      readonly key: string;
      readonly by: Administrators;
    }
);

/** How long each way of a call takes. */
export interface NetworkPlan {
  readonly leastMs: number;
  readonly mostMs: number;
  /** Now and then a call takes this long. */
  readonly slowMs: number;
}
