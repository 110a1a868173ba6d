import type { Redis } from 'ioredis';
import type { ServedAs } from '../../core/broker/broker.js';
import { Wants, listenersField } from '../../core/events/event-index.js';
import type { IndexField } from '../../core/events/event-index.js';
import { isWildcard } from '../../core/events/event-patterns.js';
import type { Connection } from '../connection/connection.js';
import type { Keys, QueueKeys } from '../keys/keys.js';
import { Wildcards } from '../subscriptions/wildcards.js';

const LOOK_UP = 'look up a pattern';

/** Looks up whether and how servers serve a name, or have ever served it. */
export class ServedNames {
  /** Its own, since what emits must know when its own changes. Most processes never ask. */
  #wildcards: Wildcards | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
  ) {}

  async isServed(queue: string): Promise<boolean> {
    const { queues } = this.keys;
    const state = await this.connection
      .at(queues)
      .run('look up a queue', (client) => client.hget(queues, queue));
    return state === 'served';
  }

  async servedAs(name: string): Promise<ServedAs> {
    const isQueue = await this.isServed(name);
    const own = new Wants(name);
    for (const [field, value] of await this.#wanted(name)) own.set(field, value);
    const wildcards = (this.#wildcards ??= new Wildcards(this.connection, this.keys));
    await wildcards.refresh();
    const { queues } = wildcards.index.routeOf(name, own);
    return { isQueue, isHeard: own.isHeard || wildcards.index.isHeard(name), groupQueues: queues };
  }

  /** What is wanted of the name itself. */
  async #wanted(name: string): Promise<readonly IndexField[]> {
    if (isWildcard(name)) return [];
    const { index } = this.keys.index(name);
    const field = listenersField(name);
    const { groups } = this.keys;
    const [fields, heard] = await Promise.all([
      this.connection.at(index).run(LOOK_UP, (client) => client.hgetall(index)),
      this.connection.at(groups).run(LOOK_UP, (client) => client.hget(groups, field)),
    ]);
    return [...Object.entries(fields), ...(heard === null ? [] : [[field, heard] as const])];
  }

  /** How many messages wait in those of the queues that have no consumer. */
  async stranded(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const lengths = await this.#look(names, (client, { waiting }) => client.llen(waiting));
    const filled = names.filter((_, index) => (lengths[index] ?? 0) > 0);
    const isServed = await this.#look(filled, (client, { consumers }) => client.exists(consumers));
    const idle = filled.filter((_, index) => isServed[index] === 0);
    return new Map(idle.map((name) => [name, lengths[names.indexOf(name)] ?? 0]));
  }

  #look<T>(
    names: readonly string[],
    ask: (client: Redis, keys: QueueKeys) => Promise<T>,
  ): Promise<readonly T[]> {
    return Promise.all(
      names.map((name) => {
        const keys = this.keys.queue(name);
        const connection = this.connection.at(keys.waiting);
        return connection.run('look into queues', (client) => ask(client, keys));
      }),
    );
  }
}
