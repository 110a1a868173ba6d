import type { NatMap, Redis, RedisOptions } from 'ioredis';
import type { KnownSentinels } from '../sentinels/known-sentinels.js';

/** Where a node is. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** How to connect to the nodes of a cluster. */
export interface ClusterPlace {
  /** The nodes that were given: at least one. */
  readonly seeds: readonly [NodeAddress, ...NodeAddress[]];
  readonly natMap: NatMap | undefined;
  /** Opens a client; the settings say to which node. */
  readonly open: (settings: RedisOptions) => Redis;
}

export type Open = (settings: RedisOptions) => Redis;

/** Makes further connections to the same place. */
export interface ConnectionSource extends Open {
  /** Names of given options that are ignored, because the library sets them itself. */
  readonly withoutEffect: readonly string[];
  /** Shared by all connections that it makes. */
  readonly sentinels: KnownSentinels;
  /** It leads to the first given node of this cluster. */
  readonly cluster: ClusterPlace | undefined;
}
