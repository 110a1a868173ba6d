import type { Redis, RedisOptions } from 'ioredis';
import type { Proxy } from '../../support/proxy.js';
import type { SlowNetwork } from '../../support/slow-network.js';

/** How a process finds Redis. It is handed to other processes as JSON. */
export type Connection = string | RedisOptions;

/** What lies between a process and one server. */
export interface Between {
  readonly proxy: Proxy;
  readonly network: SlowNetwork;
}

/** A way for one process, with something in between that faults act on. */
export interface Way {
  readonly connection: Connection;
  /** What lies between the process and the server that takes writes now. */
  readonly between: Between;
  close(): Promise<void>;
}

/** What can happen to the servers of a run, and to no others. */
export interface ServerFault {
  readonly name: string;
  readonly weight: number;
  /** Does it and undoes it: when it resolves, nothing is broken any more. Returns whom it struck. */
  readonly strike: (world: { readonly random: () => number }) => Promise<string>;
}

/** The Redis of a run: one server, or several that take over from one another. */
export interface ChaosServers {
  /** A connection of the run itself to the server that takes writes now. */
  readonly commands: Redis;
  /** How a process finds Redis directly. */
  readonly connection: Connection;
  readonly faults: readonly ServerFault[];
  openWay(): Promise<Way>;
  stop(): Promise<void>;
}
