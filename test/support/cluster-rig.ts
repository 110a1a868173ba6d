import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { LocalRedis } from 'local-redis';
import type {
  RedisQueueClientOptions,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import type { ClusterOptions } from '../../libs/redis-queue-transport/src/redis/address/cluster-settings.js';
import { eventually } from './eventually.js';
import { NestRig } from './nest-rig.js';
import { RedisCluster } from './redis-cluster.js';

type Setting = Parameters<typeof RedisCluster.start>[0];

/** A cluster for a spec file. Looks at keys go to the node that has them. */
export class ClusterRig extends NestRig {
  #cluster: RedisCluster | undefined;

  constructor(private readonly setting: Setting = {}) {
    super({});
  }

  get cluster(): RedisCluster {
    if (this.#cluster === undefined) throw new Error('The cluster has not been started.');
    return this.#cluster;
  }

  override get redis(): LocalRedis {
    return this.cluster.servers[0]!.redis; // there is one
  }

  /** A Cluster has all commands of a Redis. */
  override get commands(): Redis {
    return this.cluster.commands as unknown as Redis;
  }

  override async commandsFor(key: string): Promise<Redis> {
    return (await this.cluster.primaryOf(key)).commands;
  }

  /** How a client finds it: by two of its nodes. */
  override get connection(): ClusterOptions {
    return { nodes: this.cluster.nodes.slice(1, 3) };
  }

  override serverOptions(options: RedisQueueServerOptions = {}): RedisQueueServerOptions {
    return { connection: this.connection, prefix: this.prefix, ...options };
  }

  override clientOptions(options: RedisQueueClientOptions = {}): RedisQueueClientOptions {
    return { connection: this.connection, prefix: this.prefix, ...options };
  }

  protected override async launch(): Promise<void> {
    this.#cluster = await RedisCluster.start(this.setting);
    // So that they are not opened in the middle of a test.
    const { commands } = this.#cluster;
    await eventually(() => Promise.all(commands.nodes('all').map((node) => node.ping())), 60_000);
  }

  override async stop(): Promise<void> {
    await this.#cluster?.stop();
    await super.stop();
  }

  protected override async keys(): Promise<string[]> {
    const primaries = await this.cluster.primaries();
    return (await Promise.all(primaries.map(({ commands }) => commands.keys('*')))).flat();
  }

  protected override async empty(): Promise<void> {
    for (const { commands } of await this.cluster.primaries()) await commands.flushall();
  }

  protected override async clientList(): Promise<string> {
    const lists = this.cluster.servers.map(async ({ commands }) =>
      String(await commands.client('LIST').catch(() => '')),
    );
    return (await Promise.all(lists)).join('');
  }

  /** The names of the connections of this library to all nodes. */
  async openConnections(): Promise<string[]> {
    return [...(await this.clientList()).matchAll(/ name=(rq-[^ ]+)/g)].map(
      ([, name = '']) => name,
    );
  }

  protected override ownId(): Promise<number> {
    return Promise.resolve(0);
  }

  /** The rig itself connects anew when nodes come and go. Connections of the library are known by their name. */
  protected override expectNothingOpen(): Promise<void> {
    return Promise.resolve();
  }

  /** Those of nodes and of the rig come and go. */
  protected override isOfTest(name: string): boolean {
    return name.startsWith('rq-');
  }
}

/** A rig that lives as long as the spec file. Call it at the top of one. */
export function clusterRig(setting: Setting = {}): ClusterRig {
  const rig = new ClusterRig(setting);
  beforeAll(() => rig.start(), 120_000);
  afterAll(() => rig.stop());
  beforeEach(() => rig.beginTest());
  afterEach(() => rig.endTest());
  return rig;
}
