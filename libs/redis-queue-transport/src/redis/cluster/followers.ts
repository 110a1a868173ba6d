import type { Redis, RedisOptions } from 'ioredis';
import type { ConnectionHealth } from '../../core/broker/health.js';
import type { ClusterPlace, NodeAddress } from '../connection/source.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionSource } from '../connection/source.js';
import { BLOCKING_GRACE_MS, OpenConnections } from '../connection/open-connections.js';
import type { RedisConnection } from '../connection/redis-connection.js';
import { textOf } from './slot-map.js';
import { slotOf } from './slots.js';
import type { Topology } from './topology.js';

/** A connection of which it depends where it leads. */
interface Follower {
  /** The slot whose node it is to lead to. */
  slot: number;
  /** Where it last went. */
  address: NodeAddress | undefined;
}

/** Connections that find their node each time they are opened: those that block for a key, and those that listen. */
export class Followers {
  readonly #open: OpenConnections;
  readonly #followers = new Map<Connection, Follower>();
  /** That of the connection that is being made. */
  #next: Follower = { slot: 0, address: undefined };
  #turn = 0;

  constructor(
    source: ConnectionSource,
    private readonly place: ClusterPlace,
    private readonly topology: Topology,
    process: string,
    onError: (error: unknown) => void,
    onMoved: (reply: string) => void,
  ) {
    const { withoutEffect, sentinels, cluster } = source;
    const open = (settings: RedisOptions): Redis => this.#following(settings);
    const following = Object.assign(open, { withoutEffect, sentinels, cluster });
    this.#open = new OpenConnections(following, process, onError, onMoved);
  }

  openListener(role: string, key: string): Connection {
    return this.#add(slotOf(key), () => this.#open.openListener(role));
  }

  openBlocking(
    role: string,
    key: string,
    longestMs: number,
    graceMs = BLOCKING_GRACE_MS,
  ): Connection {
    return this.#add(slotOf(key), () => this.#open.openBlocking(role, key, longestMs, graceMs));
  }

  lead(connection: Connection, key: string): void {
    const follower = this.#followers.get(connection);
    if (follower === undefined) return;
    follower.slot = slotOf(key);
    const { address } = follower;
    const wanted = this.topology.primaryOf(follower.slot);
    if (address === undefined || wanted === undefined || textOf(address) === textOf(wanted)) return;
    connection.reconnect();
  }

  /** Nobody is to lead there any more. */
  leave(name: string): void {
    for (const [connection, { address }] of this.#followers)
      if (address !== undefined && textOf(address) === name) connection.reconnect();
  }

  get health(): readonly ConnectionHealth[] {
    return this.#open.health;
  }

  openNoMore(): void {
    this.#open.openNoMore();
  }

  close(): void {
    this.#open.close();
  }

  #add(slot: number, open: () => RedisConnection): Connection {
    for (const [closed] of this.#followers)
      if (closed.client.status === 'end') this.#followers.delete(closed);
    const follower: Follower = { slot, address: undefined };
    this.#next = follower;
    const connection = open();
    this.#followers.set(connection, follower);
    return connection;
  }

  #following(settings: RedisOptions): Redis {
    const follower = this.#next;
    const client = this.place.open({ ...settings, ...this.place.seeds[0] });
    const connect = client.connect.bind(client);
    client.connect = () => {
      follower.address = this.#addressFor(follower);
      Object.assign(client.options, follower.address);
      return connect();
    };
    return client;
  }

  /** A node of which nothing is known may be away, so that it takes turns. */
  #addressFor({ slot }: Follower): NodeAddress {
    const owner = this.topology.primaryOf(slot);
    if (owner !== undefined) return owner;
    const { primaries } = this.topology;
    const all = primaries.length > 0 ? primaries : this.place.seeds;
    this.#turn += 1;
    return all[this.#turn % all.length] ?? this.place.seeds[0];
  }
}
