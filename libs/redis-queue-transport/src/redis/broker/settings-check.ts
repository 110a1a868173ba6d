import { InvalidOptionError, UnsafeRedisError } from '../../core/errors/start-errors.js';
import { RedisRefusedError, RedisUnavailableError } from '../../core/errors/call-errors.js';
import type { Connection } from '../connection/connection.js';

/** Checks whether Redis is configured to keep its data. */
export class SettingsCheck {
  #isDone = false;

  constructor(
    private readonly connection: Connection,
    /** What to do if a full Redis may evict keys. */
    private readonly onEviction: 'ignore' | 'warn' | 'refuse',
    private readonly warn: (text: string) => void,
    /** The option `connection` names nodes of a cluster. */
    private readonly isCluster: boolean,
  ) {}

  async #read(connection: Connection): Promise<string | undefined> {
    try {
      return await connection.run('read its settings', (client) =>
        client.info('memory', 'cluster'),
      );
    } catch (error) {
      if (!(error instanceof RedisRefusedError) || this.onEviction === 'refuse') throw error;
      this.warn(`Cannot check whether Redis may evict keys: ${error.message}`);
      return undefined;
    }
  }

  /** Rejects if Redis cannot be used with its configuration. Asks until Redis has told it once. */
  async check(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    if (this.onEviction === 'ignore') return;
    try {
      for (const primary of await this.connection.primaries()) await this.#checkOne(primary);
    } catch (error) {
      this.#isDone = false;
      throw error;
    }
  }

  /** A node of a cluster that is away must not keep the others from being used. */
  async #checkOne(connection: Connection): Promise<void> {
    try {
      if (this.isCluster) await connection.ready();
      const info = await this.#read(connection);
      if (info === undefined) return;
      if (!this.isCluster && /^cluster_enabled:1/m.test(info)) throw clusterNode();
      this.#checkEviction(info);
    } catch (error) {
      if (!this.isCluster || !(error instanceof RedisUnavailableError)) throw error;
    }
  }

  /** A Redis that evicts keys loses messages. */
  #checkEviction(info: string): void {
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
    if (policy === 'noeviction') return;
    const text =
      `Redis has maxmemory-policy ${policy}: when it is full, it throws away ${lossesBy(policy)}. ` +
      'Set it to noeviction, or use a separate Redis for queues.';
    if (this.onEviction === 'warn') return this.warn(text);
    throw new UnsafeRedisError(text);
  }
}

function clusterNode(): InvalidOptionError {
  return new InvalidOptionError(
    'connection',
    'connection leads to a node of a Redis Cluster: give { nodes: [{ host, port }, …] }, so that the others are found',
  );
}

/** What a policy evicts. Queues never expire, so policies that only evict keys that do leave them alone. */
function lossesBy(policy: string): string {
  return policy.startsWith('volatile-')
    ? 'what expires: replies on their way to callers, and the ids by which deduplicate and once recognise messages'
    : 'queues with the messages in them';
}
