import type {
  AbandonedList,
  ClockReading,
  ConnectionWay,
  Inspection,
  MissingPermission,
  ReplicaReading,
  Role,
  SentinelReading,
} from '../../core/admin/inspection.js';
import { openConnections } from '../cluster/open.js';
import type { Connection } from '../connection/connection.js';
import type { Connections } from '../connection/connections.js';
import { readTime } from '../connection/read-time.js';
import { placeOf } from '../address/connection-source.js';
import type { ConnectionSource } from '../connection/source.js';
import { processName } from '../connection/process-name.js';
import { Keys } from '../keys/keys.js';
import { abandonedLists } from './abandoned-lists.js';
import { mayRun } from './may-run.script.js';
import { replicaReadings, sentinelReadings } from './others.js';
import { readInfo } from './read-info.js';
import { missingForRole } from './role-check.js';

export interface RedisInspectionOptions {
  readonly connection: ConnectionSource;
  readonly prefix: string;
  readonly connectTimeoutMs: number;
}

/** How many times the clock is read: the quickest reading is the most precise. */
const READINGS = 5;

/** Looks at a Redis, or at a cluster, for the doctor, over connections of its own. */
export class RedisInspection implements Inspection {
  readonly #connections: Connections | undefined;
  readonly #connection: Connection;
  readonly #keys: Keys;

  /** @param node the connection to one node of a cluster, which belongs to another inspection */
  constructor(
    private readonly options: RedisInspectionOptions,
    node?: Connection,
  ) {
    const { connection, prefix, connectTimeoutMs: patienceMs } = options;
    if (node === undefined) {
      const terms = { patienceMs };
      this.#connections = openConnections(connection, processName(), () => undefined, terms);
      this.#connection = this.#connections.open('doctor');
    } else this.#connection = node;
    this.#keys = new Keys(prefix, this.#connection.database);
  }

  get isCluster(): boolean {
    return this.#connection.isCluster;
  }

  async nodes(): Promise<readonly Inspection[]> {
    await this.#ready();
    if (!this.isCluster) return [this];
    const primaries = await this.#connection.primaries();
    return primaries.map((primary) => new RedisInspection(this.options, primary));
  }

  get way(): ConnectionWay {
    const { options } = this.#connection.client;
    const { host = '127.0.0.1', path, tls, password } = options;
    const isSocket = path !== undefined && path !== null;
    return {
      place: placeOf(options),
      isEncrypted: tls !== undefined && tls !== null,
      isLocal: isSocket || /^(localhost|127(\.\d+){3}|\[?::1\]?)$/i.test(host),
      hasPassword: typeof password === 'string' && password !== '',
    };
  }

  async info(): Promise<Readonly<Record<string, string>>> {
    await this.#ready();
    const text = await this.#connection.run('read INFO', (client) => client.info());
    return readInfo(text);
  }

  async clock(): Promise<ClockReading> {
    await this.#ready();
    let best: ClockReading | undefined;
    for (let reading = 0; reading < READINGS; reading += 1) {
      const before = performance.now();
      const redisMs = await readTime(this.#connection);
      const roundTripMs = performance.now() - before;
      const aheadMs = redisMs - (Date.now() - roundTripMs / 2);
      if (best === undefined || roundTripMs < best.roundTripMs) best = { aheadMs, roundTripMs };
    }
    return best ?? { aheadMs: 0, roundTripMs: 0 };
  }

  async user(): Promise<string | undefined> {
    if (!(await this.#may('ACL', 'WHOAMI'))) return undefined;
    return this.#connection.run('ask who it is', async (client) =>
      String(await client.acl('WHOAMI')),
    );
  }

  async setting(name: string): Promise<string | undefined> {
    if (!(await this.#may('CONFIG', 'GET'))) return undefined;
    const pair = await this.#connection.run('read a setting', (client) =>
      client.config('GET', name),
    );
    const value: unknown = (pair as readonly unknown[])[1];
    return typeof value === 'string' ? value : undefined;
  }

  async missingFor(role: Role): Promise<readonly MissingPermission[]> {
    await this.#ready();
    return missingForRole(this.#connection, role, this.options.prefix);
  }

  async abandoned(): Promise<readonly AbandonedList[] | undefined> {
    if (!(await this.#may('SCAN'))) return undefined;
    const { prefix } = this.options;
    const primaries = await this.#connection.primaries();
    for (const primary of primaries) await primary.ready(this.options.connectTimeoutMs);
    const lists = primaries.map((primary) => abandonedLists(primary, this.#keys, prefix));
    return (await Promise.all(lists)).flat();
  }

  replicas(info: Readonly<Record<string, string>>): Promise<readonly ReplicaReading[]> {
    const { connection } = this.options;
    return replicaReadings(info, this.#connection.client.options, connection);
  }

  sentinels(): Promise<readonly SentinelReading[]> {
    return sentinelReadings(this.#connection.client.options);
  }

  close(): Promise<void> {
    this.#connections?.close();
    return Promise.resolve();
  }

  async #may(...command: string[]): Promise<boolean> {
    await this.#ready();
    return mayRun.run(this.#connection, {}, {}, command);
  }

  #ready(): Promise<void> {
    return this.#connection.ready(this.options.connectTimeoutMs);
  }
}
