import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { startRedis } from 'local-redis';
import type { LocalRedis, StartRedisOptions } from 'local-redis';
import { Cable } from './cable.js';
import { eventually } from './eventually.js';

/** The id in a message's header, wherever its element is in a command. */
const MESSAGE_ID = /"id":"([\w.-]+)"/;
/** The commands by which a message gets into a queue or a group. */
const ADDS = /^(?:rpush|lpush|zadd)$/i;

/** Longer than a busy machine holds up a process. */
const DOWN_AFTER_MS = 1_500;
const FAILOVER_TIMEOUT_MS = 1_500;
/**
 * Sentinels do what they do now and then much more often than usual. Without a primary, they ask replicas once a second
 * at the most, and promote none of which they have heard nothing for five pings.
 */
const HASTE = [
  ...['info-period', '200', 'ping-period', '300', 'ask-period', '100', 'publish-period', '200'],
  ...['tilt-trigger', '8000', 'tilt-period', '500', 'election-timeout', '2000'],
  ...['min-link-reconnect-period', '200'],
];

export const SENTINEL_NAME = 'main';

/** One redis-server of several, with a connection to look at it. */
export class ReplicatedServer {
  readonly commands: Redis;
  /**
   * Messages that this server ever added to a queue, by command or by replication, and how many failovers there had been
   * when that was first noticed.
   */
  readonly had = new Map<string, number>();
  #monitor: Redis | undefined;

  constructor(
    readonly redis: LocalRedis,
    /** The network by which others reach it, if it can be cut. */
    readonly cable: Cable | undefined,
    private readonly failovers: () => number,
  ) {
    this.commands = quiet(new Redis({ ...direct(redis.port), enableOfflineQueue: true }));
  }

  get port(): number {
    return this.redis.port;
  }

  /** The port by which replicas, Sentinels and services know it. */
  get door(): number {
    return this.cable?.port ?? this.port;
  }

  /** Notes from now on what it adds. */
  async watch(): Promise<void> {
    this.#monitor?.disconnect();
    const client = quiet(new Redis({ ...direct(this.port), monitor: true }));
    client.on('monitor', (_time: string, [name = '', ...words]: string[]) => {
      if (!ADDS.test(name)) return;
      for (const word of words) {
        const id = MESSAGE_ID.exec(word)?.[1];
        if (id !== undefined && !this.had.has(id)) this.had.set(id, this.failovers());
      }
    });
    this.#monitor = client;
    await new Promise((resolve) => client.once('monitoring', resolve));
  }

  async info(section = 'replication'): Promise<Record<string, string>> {
    const lines = String(await this.commands.info(section)).split('\r\n');
    return Object.fromEntries(
      lines.filter((line) => line.includes(':')).map((line) => line.split(/:(.*)/s, 2)),
    ) as Record<string, string>;
  }

  follow(primary: ReplicatedServer): Promise<unknown> {
    return this.commands.call('REPLICAOF', '127.0.0.1', primary.door);
  }

  async stop(): Promise<void> {
    this.#monitor?.disconnect();
    this.commands.disconnect();
    await this.redis.stop();
    await this.cable?.close();
  }
}

/** A primary with replicas and, if wanted, Sentinels that watch over them: real processes, all of which end with it. */
export class ReplicatedRedis {
  /** All that have been it, the current one last. */
  readonly #primaries: ReplicatedServer[];

  private constructor(
    readonly servers: readonly ReplicatedServer[],
    private readonly watchers: LocalRedis[],
    failovers: { count: () => number },
    private readonly how: { readonly downAfterMs: number; readonly isWatched: boolean },
  ) {
    const [first] = servers;
    if (first === undefined) throw new Error('There is no server.');
    this.#primaries = [first];
    failovers.count = () => this.#primaries.length - 1;
  }

  static async start({
    replicas = 2,
    sentinels = 3,
    hasCables = false,
    downAfterMs = DOWN_AFTER_MS,
    isWatched = true,
    ...options
  }: {
    readonly replicas?: number;
    readonly sentinels?: number;
    /** Whether the network of each server can be cut. */
    readonly hasCables?: boolean;
    /** Sentinels notice a primary that does not reply after this time. Default 1,500. */
    readonly downAfterMs?: number;
    /** Whether each server's messages are noted ({@link ReplicatedServer.had}). Default true. */
    readonly isWatched?: boolean;
    /** For each server, the first primary first. */
    readonly environments?: readonly StartRedisOptions['environment'][];
    readonly settings?: StartRedisOptions['settings'];
  } = {}): Promise<ReplicatedRedis> {
    const settings = { 'repl-diskless-sync-delay': '0', 'repl-ping-replica-period': '1' };
    const servers: ReplicatedServer[] = [];
    const failovers = { count: () => 0 };
    for (let index = 0; index <= replicas; index += 1) {
      const environment = options.environments?.[index];
      const cable = hasCables ? await Cable.start() : undefined;
      const door: Record<string, string> =
        cable === undefined ? {} : { 'replica-announce-port': String(cable.port) };
      const started = await startRedis({
        settings: { ...settings, ...door, ...options.settings },
        ...(environment === undefined ? {} : { environment }),
      });
      cable?.leadTo(started.port);
      servers.push(new ReplicatedServer(started, cable, () => failovers.count()));
    }
    const [primary, ...others] = servers;
    for (const replica of others) await replica.follow(primary!); // there is one
    const watchers = await Promise.all(
      Array.from({ length: sentinels }, () => startSentinel(primary?.door ?? 0, downAfterMs)),
    );
    const all = new ReplicatedRedis(servers, watchers, failovers, { downAfterMs, isWatched });
    await all.untilInSync();
    if (isWatched) await Promise.all(servers.map((server) => server.watch()));
    return all;
  }

  /** The server that takes writes, as the test knows it. */
  get primary(): ReplicatedServer {
    return this.#primaries.at(-1)!; // the first one is always there
  }

  /**
   * Whether the current primary got a message from the primaries before it, each of which had it. One that was the primary
   * before may have had it then and lost it since. All of them must have lived on to tell.
   */
  wasKept(id: string): boolean {
    for (let failover = this.#primaries.length - 1; failover >= 0; failover -= 1) {
      const noticed = this.#primaries[failover]?.had.get(id);
      if (noticed === undefined) return false;
      if (noticed >= failover) return true;
    }
    return true;
  }

  get sentinels(): readonly LocalRedis[] {
    return this.watchers;
  }

  get replicas(): readonly ReplicatedServer[] {
    return this.servers.filter((server) => server !== this.primary);
  }

  /** How a client finds the primary. */
  get connection(): RedisOptions {
    return { sentinels: this.sentinels.map(place), name: SENTINEL_NAME };
  }

  /** Resolves when another server is the primary, and most Sentinels say so. */
  async promoted(deadlineMs = 30_000): Promise<ReplicatedServer> {
    const before = this.primary;
    return eventually(async () => {
      const ports = await Promise.all(this.sentinels.map(primaryPortOf));
      const votes = ports.filter((port) => port !== undefined && port !== before.door);
      const next = this.servers.find(({ door }) => door === votes[0]);
      if (next === undefined || votes.length * 2 <= this.sentinels.length)
        throw new Error(`no new primary: ${ports.join()} after ${before.door}`);
      if ((await next.info())['role'] !== 'master') throw new Error('not promoted yet');
      this.#primaries.push(next);
      return next;
    }, deadlineMs);
  }

  /** Tells the primary to hand over to a replica that has everything (FAILOVER), and resolves when it has done so. */
  async handOver(): Promise<ReplicatedServer> {
    const [next] = this.replicas;
    if (next === undefined) throw new Error('There is no replica.');
    await this.primary.commands.call('FAILOVER', 'TO', '127.0.0.1', next.door);
    await eventually(async () => {
      if ((await next.info())['role'] !== 'master') throw new Error('not promoted yet');
    }, 30_000);
    this.#primaries.push(next);
    return next;
  }

  /** Makes a replica the primary, while the old one goes on as one too, as behind a cut network. {@link heal} ends that. */
  async promoteBeside(): Promise<ReplicatedServer> {
    const [next] = this.replicas;
    if (next === undefined) throw new Error('There is no replica.');
    await next.commands.call('REPLICAOF', 'NO', 'ONE');
    this.#primaries.push(next);
    return next;
  }

  /** Makes a replica the primary by hand, and everybody else, the old primary included, its replica. */
  async promoteByHand(): Promise<ReplicatedServer> {
    const next = await this.promoteBeside();
    await Promise.all(this.replicas.map((server) => server.follow(next)));
    return next;
  }

  /** Brings back what a fault has killed or stopped, and resolves when all replicas have what the primary has. */
  async heal(): Promise<void> {
    for (const server of this.replicas) {
      server.redis.resume();
      await server.follow(this.primary).catch(() => undefined);
    }
    for (const sentinel of this.sentinels) sentinel.resume();
    await this.untilInSync();
    if (this.sentinels.length > 0) await this.#untilSentinelsAgree();
  }

  /** Starts a server again that was killed, as a replica. */
  async restart(server: ReplicatedServer): Promise<void> {
    await server.redis.restart();
    await eventually(() => server.follow(this.primary));
    if (this.how.isWatched) await server.watch();
  }

  /** Kills a Sentinel. Another one takes its place, at another port, and the others forget it. */
  async replaceSentinel(old: LocalRedis): Promise<void> {
    await this.killSentinel(old);
    await this.addSentinels(undefined);
  }

  async killSentinel(old: LocalRedis): Promise<void> {
    await old.kill();
    await old.stop();
    this.watchers.splice(this.watchers.indexOf(old), 1);
  }

  /** Resolves when they and the others know one another, and none that are gone. */
  async addSentinels(...ports: readonly (number | undefined)[]): Promise<void> {
    const { door } = this.primary;
    const { downAfterMs } = this.how;
    const started = ports.map((port) => startSentinel(door, downAfterMs, port));
    this.watchers.push(...(await Promise.all(started)));
    await this.untilInSync();
    for (const sentinel of this.watchers) await askSentinel(sentinel, 'RESET', SENTINEL_NAME);
    await this.#untilSentinelsAgree();
  }

  async untilInSync(): Promise<void> {
    await eventually(async () => {
      const info = await this.primary.info();
      const online = Object.entries(info).filter(
        ([name, line]) => /^slave\d/.test(name) && line.includes('state=online'),
      );
      const replicas = this.servers.length - 1;
      if (online.length < replicas) throw new Error(`${online.length} replicas are online`);
      const reached = await this.primary.commands.wait(replicas, 1_000);
      if (reached < replicas) throw new Error(`${reached} replicas are in sync`);
    }, 30_000);
  }

  /** Each knows all of the replicas and the other Sentinels, and none thinks that anything is wrong. */
  async #untilSentinelsAgree(): Promise<void> {
    await eventually(async () => {
      for (const sentinel of this.sentinels) {
        const [primary] = await masters(sentinel);
        const isReady =
          primary?.['port'] === String(this.primary.door) &&
          primary['flags'] === 'master' &&
          Number(primary['num-slaves']) >= this.servers.length - 1 &&
          Number(primary['num-other-sentinels']) === this.sentinels.length - 1;
        if (!isReady) throw new Error(JSON.stringify(primary));
      }
    }, 30_000);
    // Replicas that a Sentinel has just heard of as down cannot be chosen for a moment.
    await pause(300);
  }

  async stop(): Promise<void> {
    await Promise.all(this.sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

async function startSentinel(
  primaryPort: number,
  downAfterMs: number,
  port?: number,
): Promise<LocalRedis> {
  const sentinel = await startRedis({
    isSentinel: true,
    ...(port === undefined ? {} : { port }),
    settings: {
      [`sentinel monitor ${SENTINEL_NAME}`]: `127.0.0.1 ${primaryPort} 2`,
      [`sentinel down-after-milliseconds ${SENTINEL_NAME}`]: String(downAfterMs),
      [`sentinel failover-timeout ${SENTINEL_NAME}`]: String(FAILOVER_TIMEOUT_MS),
      [`sentinel parallel-syncs ${SENTINEL_NAME}`]: '2',
    },
  });
  await askSentinel(sentinel, 'DEBUG', ...HASTE);
  return sentinel;
}

/** A command of SENTINEL. Rejects if it gets no reply within two seconds. */
export async function askSentinel({ port }: LocalRedis, ...words: string[]): Promise<unknown> {
  const client = quiet(new Redis({ ...direct(port), commandTimeout: 2_000 }));
  try {
    return await client.call('SENTINEL', ...words);
  } finally {
    client.disconnect();
  }
}

async function masters(sentinel: LocalRedis): Promise<Record<string, string>[]> {
  const replies = (await askSentinel(sentinel, 'MASTERS')) as unknown[];
  return replies.map((reply) => {
    if (!Array.isArray(reply)) return reply as Record<string, string>;
    const words = reply.map(String);
    return Object.fromEntries(
      words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? '']] : [])),
    );
  });
}

async function primaryPortOf(sentinel: LocalRedis): Promise<number | undefined> {
  try {
    const reply = await askSentinel(sentinel, 'GET-MASTER-ADDR-BY-NAME', SENTINEL_NAME);
    return Array.isArray(reply) ? Number(reply[1]) : undefined;
  } catch {
    return undefined;
  }
}

function place({ port }: LocalRedis): { readonly host: string; readonly port: number } {
  return { host: '127.0.0.1', port };
}

/** Settings of the test's own connections. */
function direct(port: number): RedisOptions {
  return { host: '127.0.0.1', port, maxRetriesPerRequest: 0, retryStrategy: () => 50 };
}

/** A test stops the servers behind it. */
function quiet(client: Redis): Redis {
  return client.on('error', () => undefined);
}
