import type { ConnectionHealth } from '../../core/broker/health.js';
import type { BrokerStatus } from '../../core/source/broker-source.js';
import type { ClusterPlace, NodeAddress } from '../connection/source.js';
import type { Connection } from '../connection/connection.js';
import type { Connections } from '../connection/connections.js';
import { sourceAt } from '../address/connection-source.js';
import type { ConnectionSource } from '../connection/source.js';
import { OpenConnections } from '../connection/open-connections.js';
import { ClusterConnection } from './cluster-connection.js';
import type { RoleSurroundings } from './cluster-connection.js';
import { Followers } from './followers.js';
import { readRedirect, textOf } from './slot-map.js';
import { Topology } from './topology.js';

/** The connections of this process to one node, by their role. */
interface Node {
  readonly address: NodeAddress;
  readonly connections: OpenConnections;
  readonly byRole: Map<string, Connection>;
}

export interface ClusterTerms {
  /** How long, in ms, a call waits while its slot is nowhere. */
  readonly patienceMs: number;
}

/** All connections of a broker to the nodes of a cluster. */
export class ClusterConnections implements Connections {
  readonly #nodes = new Map<string, Node>();
  readonly #topology: Topology;
  readonly #followers: Followers;
  readonly #movedListeners = new Set<(slots: ReadonlySet<number>) => void>();
  readonly #onStatus = new Map<string, (status: BrokerStatus) => void>();
  #bodies: ClusterConnection | undefined;
  #isClosed = false;

  constructor(
    private readonly source: ConnectionSource,
    private readonly place: ClusterPlace,
    /** Names this process in Redis. */
    private readonly process: string,
    private readonly onError: (error: unknown) => void,
    private readonly terms: ClusterTerms,
  ) {
    this.#topology = new Topology(place, `rq-cluster-${process}`, {
      moved: (slots) => {
        for (const listener of this.#movedListeners) listener(slots);
      },
      gone: (address) => this.#drop(address),
      read: () => this.#dropLost(),
      error: onError,
    });
    const onMoved = (reply: string): void => this.#topology.moved(reply);
    this.#followers = new Followers(source, place, this.#topology, process, onError, onMoved);
  }

  open(role: string, onStatus?: (status: BrokerStatus) => void): ClusterConnection {
    if (onStatus !== undefined) this.#onStatus.set(role, onStatus);
    const surroundings: RoleSurroundings = {
      known: (timeoutMs) => this.#topology.known(timeoutMs),
      isKnown: () => this.#topology.isKnown,
      primaryOf: (slot) => {
        const address = this.#topology.primaryOf(slot);
        return address && this.at(address, role);
      },
      primaries: () => this.#topology.primaries.map((address) => this.at(address, role)),
      seed: () => this.at(this.place.seeds[0], role),
      asked: (reply) => {
        const redirect = readRedirect(reply, this.#topology.primaries[0], this.place.natMap);
        return redirect && this.at(redirect.address, role);
      },
      onDown: () => this.#topology.readElsewhere(),
      health: () => this.#health,
      isClosed: () => this.#isClosed,
      patienceMs: this.terms.patienceMs,
    };
    return new ClusterConnection(surroundings);
  }

  openListener(role: string, key: string): Connection {
    return this.#followers.openListener(role, key);
  }

  openBlocking(role: string, key: string, longestMs: number, graceMs?: number): Connection {
    return this.#followers.openBlocking(role, key, longestMs, graceMs);
  }

  lead(blocking: Connection, key: string): void {
    this.#followers.lead(blocking, key);
  }

  get bodies(): ClusterConnection {
    return (this.#bodies ??= this.open('bodies'));
  }

  get health(): readonly ConnectionHealth[] {
    const nodes = [...this.#nodes.values()].flatMap(({ connections }) => connections.health);
    return [this.#health, ...nodes, ...this.#followers.health];
  }

  openNoMore(): void {
    this.#isClosed = true;
    for (const { connections } of this.#nodes.values()) connections.openNoMore();
    this.#followers.openNoMore();
  }

  close(): void {
    this.openNoMore();
    this.#topology.stop();
    for (const { connections } of this.#nodes.values()) connections.close();
    this.#followers.close();
    for (const onStatus of this.#onStatus.values()) onStatus('disconnected');
  }

  primaryOf(slot: number): NodeAddress | undefined {
    return this.#topology.primaryOf(slot);
  }

  /** Tells which slots have other primaries than before. */
  onMoved(listener: (slots: ReadonlySet<number>) => void): void {
    this.#movedListeners.add(listener);
  }

  /** The connections to one node. */
  node(address: NodeAddress): OpenConnections {
    return this.#node(address).connections;
  }

  /** The connection of this role to one node. */
  at(address: NodeAddress, role: string): Connection {
    const { byRole, connections } = this.#node(address);
    const known = byRole.get(role);
    if (known !== undefined) return known;
    const connection = connections.open(role, (status) => this.#onNodeStatus(role, status));
    byRole.set(role, connection);
    return connection;
  }

  #node(address: NodeAddress): Node {
    const name = textOf(address);
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const connections = new OpenConnections(
      sourceAt(this.source, this.place, address),
      this.process,
      this.onError,
      (reply) => this.#topology.moved(reply),
    );
    if (this.#isClosed) connections.openNoMore();
    const node: Node = { address, connections, byRole: new Map() };
    this.#nodes.set(name, node);
    return node;
  }

  #onNodeStatus(role: string, status: BrokerStatus): void {
    if (this.#isClosed) return;
    if (status !== 'connected') this.#topology.readAgain();
    if (status !== 'disconnected') this.#onStatus.get(role)?.(status);
  }

  /** A node without slots that cannot be reached has left the cluster: nobody is to try for ever, and health to be down. */
  #dropLost(): void {
    const primaries = new Set(this.#topology.primaries.map(textOf));
    for (const [name, { connections }] of this.#nodes) {
      const isLost = connections.health.some(({ failure }) => failure !== undefined);
      if (isLost && !primaries.has(name)) this.#drop(name);
    }
  }

  #drop(name: string): void {
    const node = this.#nodes.get(name);
    this.#nodes.delete(name);
    node?.connections.close();
    this.#followers.leave(name);
  }

  get #health(): ConnectionHealth {
    const { failure, failingForMs } = this.#topology;
    return {
      failure:
        failure &&
        `The nodes of the Redis Cluster cannot be asked for their slots: ${failure.message}`,
      failingForMs: failure && failingForMs,
      sinceRoundTripMs: undefined,
    };
  }
}
