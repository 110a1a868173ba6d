import type {
  Begun,
  IndexField,
  SubscriptionIndex,
} from '../../core/subscriptions/subscriptions.js';
import { historyField } from '../../core/events/event-index.js';
import type { Connection } from '../connection/connection.js';
import { beginGroup } from '../history/begin-group.script.js';
import { firstEntry } from '../history/first-entry.js';
import { GROUP_MARK } from '../../core/message/queue-name.js';
import type { Keys } from '../keys/keys.js';
import { declare } from './declare.script.js';

/** The index of groups in Redis. */
export class RedisIndex implements SubscriptionIndex {
  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
  ) {}

  ready(): Promise<void> {
    return this.connection.ready();
  }

  async has(field: string): Promise<boolean> {
    const isKnown = await this.connection.run('read the groups', (client) =>
      client.hexists(this.keys.groups, field),
    );
    return isKnown === 1;
  }

  async set(
    fields: readonly IndexField[],
    { onlyMissing }: { readonly onlyMissing: boolean },
  ): Promise<void> {
    const { groups } = this.keys;
    // In a cluster, the list of queues is in another slot: it is named only if the script writes to it.
    const namesQueue = fields.some(([field]) => field.startsWith(GROUP_MARK));
    const queues = namesQueue ? this.keys.queues : groups;
    const args = { onlyMissing: onlyMissing ? 1 : 0 };
    const rows = fields.map(([field, value]) => ({ field, value }));
    await declare.run(this.connection, { groups, queues }, args, rows);
  }

  fill(queue: string, pattern: string, from: string): Promise<Begun> {
    const { groups } = this.keys;
    const keys = { groups, ...this.keys.history(pattern), ...this.keys.queue(queue) };
    const { wake } = keys;
    const args = { queue, historyField: historyField(pattern), from: firstEntry(from), wake };
    return beginGroup.run(this.connection, keys, args);
  }
}
