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
import { dropEntries } from './drop-entries.script.js';
import { firstEntry } from '../history/first-entry.js';
import { emptyAllLanes, forgetAllRests } from '../lanes/empty-lanes.js';
import { replay } from './replay.script.js';
import { retire } from './retire.script.js';
import type { RedisIndex } from '../subscriptions/redis-index.js';

/** Tends groups and histories, over the admin's connection. */
export class RedisEventAdmin implements EventAdminBroker {
  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
    private readonly wanted: RedisIndex,
    private readonly connectTimeoutMs: number,
  ) {}

  async index(): Promise<EventIndex> {
    await this.#ready();
    const { groups } = this.keys;
    const connection = this.connection.at(groups);
    return new EventIndex(await allFieldsOf(connection, 'read the groups', groups));
  }

  async declare(declaration: EventDeclaration): Promise<void> {
    await this.#ready();
    await new Subscriptions(this.wanted, nodeRuntime).declare(declaration);
  }

  async isWanted(field: string): Promise<boolean> {
    await this.#ready();
    return this.wanted.has(field);
  }

  async retire(queue: string, waiting: 'drop' | 'keep'): Promise<Retired> {
    await this.#ready();
    const keys = this.keys.queue(queue);
    const wasThere = await this.wanted.remove(queue);
    await retire.run(this.connection, keys, { isDropping: 0 });
    if (waiting === 'keep') return { wasThere, dropped: 0 };
    let dropped = await emptyAllLanes(this.connection, keys);
    // Messages that are pushed meanwhile may stay.
    let isGone = false;
    for (let left = Infinity; left > 0;) {
      const part = await retire.run(this.connection, keys, { isDropping: 1 });
      dropped += part.dropped;
      isGone = part.left === 0 && !part.hasDeadLetters;
      left = Math.min(left - part.dropped, part.left);
    }
    const { queues } = this.keys;
    if (isGone) await this.#run(queues, 'list the queues', (client) => client.hdel(queues, queue));
    await forgetAllRests(this.connection, keys, 'all');
    return { wasThere, dropped };
  }

  async endHistory(pattern: string, entries: 'drop' | 'keep'): Promise<Retired> {
    const { history } = this.keys.history(pattern);
    // First, since this fails if the key belongs to somebody else.
    await this.#run(history, 'end a history', (client) => client.xlen(history));
    const wasThere = await this.wanted.remove(historyField(pattern));
    if (entries === 'keep') return { wasThere, dropped: 0 };
    return { wasThere, dropped: await dropEntries.run(this.connection, { history }, {}) };
  }

  async forgetListeners(pattern: string): Promise<boolean> {
    await this.#ready();
    return this.wanted.remove(listenersField(pattern));
  }

  async history(
    pattern: string,
    { from, count, isNewestFirst }: HistoryPart,
  ): Promise<readonly HistoryElement[]> {
    const { history } = this.keys.history(pattern);
    const entries = await this.#run(history, 'list a history', (client) =>
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
    const entries = await this.#run(history, 'list a history', (client) =>
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

  async #run<T>(key: string, action: string, command: (client: Redis) => Promise<T>): Promise<T> {
    await this.#ready();
    return this.connection.at(key).run(action, command);
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
