import type { ConnectionHealth } from '../../core/broker/health.js';
import type { OpenConnections } from '../connection/open-connections.js';
import { EventChannel } from '../events/event-channel.js';
import { Tracking } from './tracking.js';
import type { Sleeper, ToldSleepers, TrackingSurroundings } from './tracking.js';
import type { ClusterConnections } from '../cluster/cluster-connections.js';
import type { NodeAddress } from '../connection/source.js';
import { slotOf } from '../cluster/slots.js';

const CONNECT_WITHIN_MS = 5_000;

/** How one node tells of changes: on a connection of its own, since a node tells only those that are connected to it. */
interface NodeTracking {
  readonly connections: OpenConnections;
  readonly channel: EventChannel;
  readonly tracking: Tracking;
}

/** Has each node tell of the changes of the lists that it has. Consumers follow their list to another node. */
export class ClusterTracking implements ToldSleepers {
  readonly #byNode = new Map<string, NodeTracking>();
  /** Where each sleeper is told. */
  readonly #places = new Map<Sleeper, Tracking | undefined>();
  #isStopped = false;

  constructor(
    private readonly cluster: ClusterConnections,
    private readonly at: Pick<TrackingSurroundings, 'onError' | 'onRefused'>,
  ) {
    cluster.onMoved((slots) => this.#follow(slots));
  }

  async start(list: string): Promise<boolean> {
    return (await this.#trackingOf(list)?.start()) ?? true;
  }

  add(sleeper: Sleeper): void {
    const tracking = this.#trackingOf(sleeper.list);
    this.#places.set(sleeper, tracking);
    tracking?.add(sleeper);
  }

  remove(sleeper: Sleeper): void {
    this.#places.get(sleeper)?.remove(sleeper);
    this.#places.delete(sleeper);
  }

  watch(sleeper: Sleeper): void {
    const tracking = this.#places.get(sleeper);
    if (tracking === undefined) return;
    tracking.start().then(
      () => {
        if (this.#places.get(sleeper) === tracking) tracking.watch(sleeper);
      },
      (error: unknown) => {
        // The next renewal of its lease has it look again.
        if (!this.#isStopped) this.at.onError(error);
      },
    );
  }

  lost(): void {
    for (const { tracking } of this.#byNode.values()) tracking.lost();
  }

  stop(): void {
    this.#isStopped = true;
    for (const node of this.#byNode.values()) end(node);
  }

  get health(): ConnectionHealth | undefined {
    for (const { tracking } of this.#byNode.values())
      if (tracking.health !== undefined) return tracking.health;
    return undefined;
  }

  #follow(slots: ReadonlySet<number>): void {
    if (this.#isStopped) return;
    for (const [sleeper, before] of [...this.#places]) {
      if (!slots.has(slotOf(sleeper.list))) continue;
      const tracking = this.#trackingOf(sleeper.list);
      if (tracking === before) continue;
      before?.remove(sleeper);
      this.#places.set(sleeper, tracking);
      tracking?.add(sleeper);
      sleeper.again();
    }
    const places = new Set(this.#places.values());
    for (const [name, node] of this.#byNode) {
      if (places.has(node.tracking)) continue;
      end(node);
      this.#byNode.delete(name);
    }
  }

  #trackingOf(list: string): Tracking | undefined {
    const address = this.cluster.primaryOf(slotOf(list));
    if (address === undefined || this.#isStopped) return undefined;
    const name = `${address.host}:${address.port}`;
    const connections = this.cluster.node(address);
    const known = this.#byNode.get(name);
    if (known?.connections === connections) return known.tracking;
    if (known !== undefined) end(known);
    const node = this.#open(address, connections);
    this.#byNode.set(name, node);
    return node.tracking;
  }

  #open(address: NodeAddress, connections: OpenConnections): NodeTracking {
    const { onError, onRefused } = this.at;
    const listener = connections.openListener('events');
    const channel = new EventChannel(listener, onError, () => tracking.lost());
    const tracking = new Tracking({
      commands: this.cluster.at(address, 'commands'),
      listen: (listeners) => channel.listen(listeners, CONNECT_WITHIN_MS),
      listenerId: () => channel.serverId(),
      onError,
      onRefused,
      // They may be in different slots.
      mostKeys: 1,
    });
    return { connections, channel, tracking };
  }
}

function end({ tracking, channel }: NodeTracking): void {
  tracking.stop();
  void channel.stop();
}
