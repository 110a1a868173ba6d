import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { startRedis } from 'local-redis';
import type { LocalRedis, StartRedisOptions } from 'local-redis';
import { activeResources, expectNoMoreTimers, expectNothingMoreOpen } from './active-resources.js';
import type { ActiveResources } from './active-resources.js';
import type { ClusterOptions } from '../../libs/redis-queue-transport/src/redis/address/cluster-settings.js';
import { eventually } from './eventually.js';
import { ReplicatedRedis } from './replicated-redis.js';

interface Closable {
  close(): unknown;
}

/** Keys with what a test left in its queues on purpose. Every other key is a leak. */
const DATA =
  /:(queues|groups|\{wildcards\}|\{wildcards\}:changes)$|}[^:]*:(waiting|unkeyed|suspects|delayed|dead|counts|ids|handled|paused|rate|slowed|terms|emitted|history|history:count|levels|levels:.|lanes|lanes:.*|resting|resting:.*)$/;

/** How the specs of a run find Redis: `npm run test:faults -- --redis sentinel` sets it. */
const HAS_SENTINELS = process.env['TEST_REDIS'] === 'sentinel';

/**
 * A Redis for a spec file and a prefix for each test. After each test it closes what the test opened, and fails the
 * test if keys, connections, sockets or processes remain.
 */
export class RedisRig {
  #redis: LocalRedis | undefined;
  /** Undefined if the Redis stands alone. */
  #servers: ReplicatedRedis | undefined;
  #commands: Redis | undefined;
  #tests = 0;
  #prefix = '';
  #open: Closable[] = [];
  #mayRemain: RegExp[] = [];
  #clientsBefore = new Set<string>();
  #resourcesAtStart: ActiveResources = new Map();
  #resourcesBefore: ActiveResources = new Map();

  constructor(private readonly options: StartRedisOptions) {}

  get redis(): LocalRedis {
    if (this.#redis === undefined) throw new Error('The Redis of this file has not been started.');
    return this.#redis;
  }

  /** How a client finds this Redis. Specs that put something in between, or other users, go to its URL directly. */
  get connection(): string | RedisOptions | ClusterOptions {
    return this.#servers?.connection ?? this.redis.url;
  }

  /** A connection of the test itself, to look and to push. */
  get commands(): Redis {
    if (this.#commands === undefined) throw new Error('There is no connection yet.');
    return this.#commands;
  }

  /** The same, to the node that has the keys of a queue. */
  commandsFor(_key: string): Promise<Redis> {
    return Promise.resolve(this.commands);
  }

  get prefix(): string {
    return this.#prefix;
  }

  async start(): Promise<void> {
    this.#resourcesAtStart = activeResources();
    await this.launch();
  }

  protected async launch(): Promise<void> {
    const { settings, environment, ...others } = this.options;
    if (HAS_SENTINELS && Object.keys(others).length === 0) {
      this.#servers = await ReplicatedRedis.start({
        replicas: 1,
        sentinels: 1,
        settings,
        environments: [environment],
        // What a spec does to its Redis is no reason for a failover: there are other specs for these.
        downAfterMs: 600_000,
        isWatched: false,
      });
      this.#redis = this.#servers.primary.redis;
    } else this.#redis = await startRedis(this.options);
    this.#commands = new Redis(this.#redis.url);
    this.#commands.on('error', () => undefined); // a test may stop this Redis
  }

  async stop(): Promise<void> {
    this.#commands?.disconnect();
    await (this.#servers ?? this.#redis)?.stop();
    await expectNoMoreTimers(this.#resourcesAtStart);
  }

  async beginTest(): Promise<void> {
    this.#tests += 1;
    this.#prefix = `t${this.#tests}`;
    this.#open = [];
    this.#mayRemain = [];
    this.#clientsBefore = await this.#clients();
    this.#resourcesBefore = activeResources();
  }

  async endTest(): Promise<void> {
    await this.#closeAll();
    const keys = await eventually(() => this.keys());
    await this.empty();
    const isExpected = (key: string): boolean =>
      key.startsWith(`${this.#prefix}:`) &&
      [DATA, ...this.#mayRemain].some((pattern) => pattern.test(key));
    expect(keys.filter((key) => !isExpected(key))).toEqual([]);
    await eventually(async () => {
      const clients = await this.#clients();
      expect([...clients].filter((client) => !this.#clientsBefore.has(client))).toEqual([]);
    });
    await this.expectNothingOpen(this.#resourcesBefore);
  }

  protected expectNothingOpen(before: ActiveResources): Promise<void> {
    return expectNothingMoreOpen(before);
  }

  /** Closes everything, even if closing one of them fails. */
  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const closable of this.#open.reverse()) {
      try {
        await closable.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Declares that keys that match rightly remain, such as the names of fenced consumers. */
  mayRemain(keys: RegExp): void {
    this.#mayRemain.push(keys);
  }

  /** Closes this after the test, the latest first. */
  closeLater<T extends Closable>(closable: T): T {
    this.#open.push(closable);
    return closable;
  }

  protected keys(): Promise<string[]> {
    return this.commands.keys('*');
  }

  protected async empty(): Promise<void> {
    await this.commands.flushall();
  }

  /** The reply of CLIENT LIST. */
  protected async clientList(): Promise<string> {
    return String(await this.commands.client('LIST'));
  }

  /** The id of the rig's own connection. */
  protected ownId(): Promise<number> {
    return this.commands.client('ID');
  }

  /** The id and name of every connection. The rig's own may be another one after a restart. */
  async #clients(): Promise<Set<string>> {
    const own = await this.ownId();
    const list = await this.clientList();
    const clients = [...list.matchAll(/^id=(\d+) .* name=([^ ]*)/gm)];
    const others = clients.filter(([, id, name = '']) => Number(id) !== own && this.isOfTest(name));
    return new Set(others.map(([, id, name]) => `${id} ${name}`));
  }

  /** Whether a connection of this name has to be closed at the end of a test. */
  protected isOfTest(name: string): boolean {
    // Those of a replica and a Sentinel come and go.
    return this.#servers === undefined || name.startsWith('rq-');
  }
}

/** A rig that lives as long as the spec file. Call it at the top of one. */
export function redisRig(options: StartRedisOptions = {}): RedisRig {
  const rig = new RedisRig(options);
  beforeAll(() => rig.start());
  afterAll(() => rig.stop());
  beforeEach(() => rig.beginTest());
  afterEach(() => rig.endTest());
  return rig;
}
