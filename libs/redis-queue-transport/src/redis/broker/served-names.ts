import type { Redis } from 'ioredis';
import type { ServedAs } from '../../core/broker/broker.js';
import { EventIndex } from '../../core/events/event-index.js';
import type { Connection } from '../connection/connection.js';
import type { Keys, QueueKeys } from '../keys/keys.js';

/** Looks up whether and how servers serve a name, or have ever served it. */
export class ServedNames {
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
    const { groups } = this.keys;
    const fields = await this.connection
      .at(groups)
      .run('look up a pattern', (client) => client.hgetall(groups));
    const index = new EventIndex(new Map(Object.entries(fields)));
    return { isQueue, isHeard: index.isHeard(name), groupQueues: index.routeOf(name).queues };
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
