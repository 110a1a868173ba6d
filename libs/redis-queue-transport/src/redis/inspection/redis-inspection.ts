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
import { RedisConnection } from '../connection/redis-connection.js';
import { readTime } from '../connection/read-time.js';
import { placeOf } from '../connection/connection-source.js';
import type { ConnectionSource } from '../connection/connection-source.js';
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

const DEADLINE_MS = 5_000;
/** How many times the clock is read: the quickest reading is the most precise. */
const READINGS = 5;

/** Looks at a Redis for the doctor, over a connection of its own. */
export class RedisInspection implements Inspection {
  readonly #connection: RedisConnection;
  readonly #keys: Keys;

  constructor(private readonly options: RedisInspectionOptions) {
    const { connection, prefix } = options;
    this.#connection = new RedisConnection(connection, `rq-doctor-${processName()}`, DEADLINE_MS);
    this.#keys = new Keys(prefix, this.#connection.database);
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
    return abandonedLists(this.#connection, this.#keys, this.options.prefix);
  }

  replicas(info: Readonly<Record<string, string>>): Promise<readonly ReplicaReading[]> {
    const { connection } = this.options;
    return replicaReadings(info, this.#connection.client.options, connection);
  }

  sentinels(): Promise<readonly SentinelReading[]> {
    return sentinelReadings(this.#connection.client.options);
  }

  close(): Promise<void> {
    this.#connection.close();
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
