import type { Redis } from 'ioredis';
import type { EventDeclaration } from '../../core/broker/broker.js';
import type {
  EventAdminBroker,
  HistoryElement,
  HistoryPart,
  ReplayRange,
  ReplayStep,
  Retired,
} from '../../core/admin/event-admin-broker.js';
import { EventIndex, historyField, listenersField } from '../../core/events/event-index.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { Subscriptions } from '../../core/subscriptions/subscriptions.js';
import type { Connection } from '../connection/connection.js';
import { allFieldsOf } from '../keys/fields-of.js';
import type { Keys } from '../keys/keys.js';
import { endHistory } from './end-history.script.js';
import { firstEntry } from '../history/first-entry.js';
import { forgetListeners } from '../events/forget-listeners.script.js';
import { emptyAllLanes, forgetAllRests } from '../lanes/empty-lanes.js';
import { replay } from './replay.script.js';
import { retire } from './retire.script.js';
import { RedisIndex } from '../events/redis-index.js';

/** Tends groups and histories, over the admin's connection. */
export class RedisEventAdmin implements EventAdminBroker {
  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
    private readonly connectTimeoutMs: number,
  ) {}

  async index(): Promise<EventIndex> {
    await this.#ready();
    return new EventIndex(await allFieldsOf(this.connection, 'read the groups', this.keys.groups));
  }

  async declare(declaration: EventDeclaration): Promise<void> {
    await this.#ready();
    const index = new RedisIndex(this.connection, this.keys);
    await new Subscriptions(index, nodeRuntime).declare(declaration);
  }

  async retire(queue: string, waiting: 'drop' | 'keep'): Promise<Retired> {
    await this.#ready();
    const { groups, queues } = this.keys;
    const keys = { groups, queues, ...this.keys.queue(queue) };
    const { wasThere } = await retire.run(this.connection, keys, { queue, isDropping: 0 });
    if (waiting === 'keep') return { wasThere, dropped: 0 };
    let dropped = await emptyAllLanes(this.connection, keys);
    // Messages that are pushed meanwhile may stay.
    for (let left = Infinity; left > 0;) {
      const part = await retire.run(this.connection, keys, { queue, isDropping: 1 });
      dropped += part.dropped;
      left = Math.min(left - part.dropped, part.left);
    }
    await forgetAllRests(this.connection, keys, 'all');
    return { wasThere, dropped };
  }

  async endHistory(pattern: string, entries: 'drop' | 'keep'): Promise<Retired> {
    const { groups } = this.keys;
    const { history } = this.keys.history(pattern);
    await this.#ready();
    const isDropping = entries === 'drop' ? 1 : 0;
    const args = { historyField: historyField(pattern), isDropping };
    return endHistory.run(this.connection, { groups, history }, args);
  }

  async forgetListeners(pattern: string): Promise<boolean> {
    await this.#ready();
    const args = { listenersField: listenersField(pattern) };
    return forgetListeners.run(this.connection, { groups: this.keys.groups }, args);
  }

  async history(
    pattern: string,
    { from, count, isNewestFirst }: HistoryPart,
  ): Promise<readonly HistoryElement[]> {
    const { history } = this.keys.history(pattern);
    const entries = await this.#run('list a history', (client) =>
      isNewestFirst
        ? client.xrevrangeBuffer(history, from ?? '+', '-', 'COUNT', count)
        : client.xrangeBuffer(history, from ?? '-', '+', 'COUNT', count),
    );
    return entries.map(([entry, fields]) => ({
      entry: entry.toString(),
      number: Number(fieldOf(fields, 'n')?.toString() ?? 0),
      element: fieldOf(fields, 'element') ?? Buffer.alloc(0),
    }));
  }

  async lastEntry(pattern: string, to: string | undefined): Promise<string | undefined> {
    const { history } = this.keys.history(pattern);
    const entries = await this.#run('list a history', (client) =>
      client.xrevrangeBuffer(history, to ?? '+', '-', 'COUNT', 1),
    );
    return entries[0]?.[0].toString();
  }

  async replay(pattern: string, queue: string, { from, to }: ReplayRange): Promise<ReplayStep> {
    await this.#ready();
    const { history } = this.keys.history(pattern);
    const keys = { history, ...this.keys.queue(queue) };
    return replay.run(this.connection, keys, { from: firstEntry(from), to, wake: keys.wake });
  }

  async #run<T>(action: string, command: (client: Redis) => Promise<T>): Promise<T> {
    await this.#ready();
    return this.connection.run(action, command);
  }

  #ready(): Promise<void> {
    return this.connection.ready(this.connectTimeoutMs);
  }
}

/** Names and values alternate. */
function fieldOf(fields: readonly Buffer[], name: string): Buffer | undefined {
  const at = fields.findIndex((field, index) => index % 2 === 0 && field.toString() === name);
  return at === -1 ? undefined : fields[at + 1];
}
