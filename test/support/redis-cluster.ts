import { Cluster, Redis } from 'ioredis';
import { findFreePort, startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import { eventually } from './eventually.js';

/** Nodes notice one that does not reply after this time. Longer than a busy machine holds up a process. */
const NODE_TIMEOUT_MS = 2_000;
const SLOTS = 16_384;
const SETTLES_WITHIN_MS = 60_000;

/** One node of a cluster, with a connection to look at it. */
export class ClusterServer {
  readonly commands: Redis;
  id = '';

  constructor(
    readonly redis: LocalRedis,
    readonly busPort: number,
  ) {
    this.commands = new Redis({
      port: redis.port,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 50,
    });
    this.commands.on('error', () => undefined); // a test stops the node
  }

  get port(): number {
    return this.redis.port;
  }

  call(...words: (string | number)[]): Promise<unknown> {
    const [command = '', ...others] = words;
    return this.commands.call(String(command), ...others);
  }

  async stop(): Promise<void> {
    this.commands.disconnect();
    await this.redis.stop();
  }
}

/** A cluster of real processes, all of which end with it. */
export class RedisCluster {
  /** For looks at keys, wherever they are. */
  readonly commands: Cluster;

  private constructor(readonly servers: ClusterServer[]) {
    const nodes = servers.map(({ port }) => ({ host: '127.0.0.1', port }));
    this.commands = new Cluster(nodes, {
      redisOptions: { maxRetriesPerRequest: 3 },
      clusterRetryStrategy: () => 100,
      slotsRefreshTimeout: 2_000,
    });
    this.commands.on('error', () => undefined);
  }

  static async start({ primaries = 3, replicas = 1 } = {}): Promise<RedisCluster> {
    const count = primaries * (1 + replicas);
    const servers = await Promise.all(Array.from({ length: count }, () => startServer()));
    const [first] = servers;
    await Promise.all(
      servers.map(async (server, index) => {
        server.id = String(await server.call('CLUSTER', 'MYID'));
        await server.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      }),
    );
    for (let index = 0; index < primaries; index += 1) {
      const from = Math.ceil((index * SLOTS) / primaries);
      const to = Math.ceil(((index + 1) * SLOTS) / primaries) - 1;
      await servers[index]?.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
    }
    for (const server of servers.slice(1)) await meet(server, first);
    await allKnow(servers, count);
    for (const [index, server] of servers.slice(primaries).entries())
      await eventually(() =>
        server.call('CLUSTER', 'REPLICATE', servers[index % primaries]?.id ?? ''),
      );
    const cluster = new RedisCluster(servers);
    await cluster.untilHealthy();
    return cluster;
  }

  /** How a client finds it: by any of these. */
  get nodes(): readonly { readonly host: string; readonly port: number }[] {
    return this.servers.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  /** All nodes work, every slot has a primary, and replicas have what their primary has. */
  async untilHealthy(): Promise<void> {
    await eventually(async () => {
      for (const server of this.servers) {
        const info = String(await server.call('CLUSTER', 'INFO'));
        if (!info.includes('cluster_state:ok')) throw new Error(`${server.port}: ${info}`);
        const role = String(await server.call('INFO', 'replication'));
        if (/master_link_status:down|master_sync_in_progress:1/.test(role))
          throw new Error(`${server.port}: ${role}`);
        const nodes = String(await server.call('CLUSTER', 'NODES'));
        if (/fail|handshake|noaddr/.test(nodes)) throw new Error(nodes);
      }
    }, SETTLES_WITHIN_MS);
  }

  async slotOf(key: string): Promise<number> {
    return Number(await this.servers[0]?.call('CLUSTER', 'KEYSLOT', key));
  }

  /** The primary that has the slot of this key. @param dead is not asked */
  async primaryOf(key: string, dead?: ClusterServer): Promise<ClusterServer> {
    const slot = await this.slotOf(key);
    return eventually(async () => {
      for (const server of this.servers.filter((each) => each !== dead)) {
        const own = (await server.call('CLUSTER', 'NODES').catch(() => '')) as string;
        const mine = own.split('\n').find((line) => line.includes('myself,master'));
        if (mine !== undefined && hasSlot(mine, slot)) return server;
      }
      throw new Error(`nobody has slot ${slot}`);
    }, 30_000);
  }

  async primaries(): Promise<ClusterServer[]> {
    const all = await Promise.all(
      this.servers.map(async (server) => {
        const role = String(await server.call('INFO', 'replication').catch(() => ''));
        return role.includes('role:master') ? [server] : [];
      }),
    );
    return all.flat();
  }

  async replicasOf(primary: ClusterServer): Promise<ClusterServer[]> {
    const nodes = String(await primary.call('CLUSTER', 'NODES'));
    return this.servers.filter(({ id }) =>
      nodes.split('\n').some((line) => line.startsWith(id) && line.includes(`slave ${primary.id}`)),
    );
  }

  /**
   * Moves the slot of this key, as redis-cli does.
   *
   * @param meanwhile runs when both sides know of it, and again after each part of the keys
   */
  async moveSlot(
    key: string,
    target: ClusterServer,
    meanwhile: () => Promise<unknown> = () => Promise.resolve(),
    part = 10,
  ): Promise<void> {
    const slot = await this.slotOf(key);
    const source = await this.primaryOf(key);
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.id);
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.id);
    for (;;) {
      await meanwhile();
      const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, part)) as string[];
      if (keys.length === 0) break;
      await source.call('MIGRATE', '127.0.0.1', target.port, '', 0, 5_000, 'KEYS', ...keys);
    }
    await target.call('CLUSTER', 'SETSLOT', slot, 'NODE', target.id);
    // Any of them may have heard of it already. One that has no slots left is a replica then, and refuses this.
    for (const other of [source, ...(await this.primaries())])
      await other.call('CLUSTER', 'SETSLOT', slot, 'NODE', target.id).catch(() => undefined);
  }

  /** Has a replica take over in order (CLUSTER FAILOVER). Returns it. */
  async handOver(primary: ClusterServer): Promise<ClusterServer> {
    const [next] = await this.replicasOf(primary);
    if (next === undefined) throw new Error('There is no replica.');
    await next.call('CLUSTER', 'FAILOVER');
    await eventually(async () => {
      const role = String(await next.call('INFO', 'replication'));
      if (!role.includes('role:master')) throw new Error(role);
    }, 20_000);
    return next;
  }

  /** A further primary, without slots. */
  async add(): Promise<ClusterServer> {
    const server = await startServer();
    server.id = String(await server.call('CLUSTER', 'MYID'));
    await meet(server, this.servers[0]);
    this.servers.push(server);
    await allKnow(this.servers, this.servers.length);
    await this.untilHealthy();
    return server;
  }

  /** Takes out a node without slots. */
  async remove(server: ClusterServer): Promise<void> {
    this.servers.splice(this.servers.indexOf(server), 1);
    for (const other of this.servers) await other.call('CLUSTER', 'FORGET', server.id);
    await server.stop();
  }

  async stop(): Promise<void> {
    this.commands.disconnect();
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

async function startServer(): Promise<ClusterServer> {
  const busPort = await findFreePort();
  const redis = await startRedis({
    settings: {
      'cluster-enabled': 'yes',
      'cluster-config-file': 'nodes.conf',
      'cluster-node-timeout': String(NODE_TIMEOUT_MS),
      'cluster-port': String(busPort),
      'cluster-replica-validity-factor': '0',
      'repl-diskless-sync-delay': '0',
      'repl-ping-replica-period': '1',
    },
  });
  return new ClusterServer(redis, busPort);
}

async function meet(server: ClusterServer, other: ClusterServer | undefined): Promise<void> {
  if (other === undefined) throw new Error('There is no other node.');
  await server.call('CLUSTER', 'MEET', '127.0.0.1', other.port, other.busPort);
}

async function allKnow(servers: readonly ClusterServer[], count: number): Promise<void> {
  await eventually(async () => {
    for (const server of servers) {
      const nodes = String(await server.call('CLUSTER', 'NODES'))
        .trim()
        .split('\n');
      if (nodes.length < count || nodes.some((line) => line.includes('handshake')))
        throw new Error(nodes.join('\n'));
    }
  }, SETTLES_WITHIN_MS);
}

/** @param line of CLUSTER NODES */
function hasSlot(line: string, slot: number): boolean {
  return line
    .split(' ')
    .slice(8)
    .filter((range) => !range.startsWith('['))
    .some((range) => {
      const [from = NaN, to = from] = range.split('-').map(Number);
      return slot >= from && slot <= to;
    });
}
