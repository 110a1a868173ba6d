import { historyField, listenersField, patternOfField } from '../../core/events/event-index.js';
import type { IndexField } from '../../core/events/event-index.js';
import { isWildcard } from '../../core/events/event-patterns.js';
import { InvalidPatternError } from '../../core/errors/start-errors.js';
import { subscriptionOf } from '../../core/message/queue-name.js';
import { PRESENT } from '../../core/subscriptions/subscriptions.js';
import type { Begun, SubscriptionIndex } from '../../core/subscriptions/subscriptions.js';
import type { Connection } from '../connection/connection.js';
import { beginGroup } from '../history/begin-group.script.js';
import { firstEntry } from '../history/first-entry.js';
import type { Keys } from '../keys/keys.js';
import { TickBatch } from '../queue/tick-batch.js';
import { declare } from './declare.script.js';
import { listGroups, listQueues } from './list.script.js';
import { undeclare } from './undeclare.script.js';

/** How many fields one call writes: about a millisecond of Redis. */
const MOST_FIELDS = 500;

interface Unlisted {
  readonly fields: readonly IndexField[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Who wants which events, in Redis: an index for each pattern beside its queues, and one for all wildcards. All their
 * fields are also listed in one hash, for people and tools. That is written behind them, so it may lack one after a
 * crash until a server declares it again.
 */
export class RedisIndex implements SubscriptionIndex {
  readonly #unlisted = new TickBatch<Unlisted>((unlisted) => void this.#listAll(unlisted));

  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
    private readonly isCluster: boolean,
  ) {}

  ready(): Promise<void> {
    return this.connection.ready();
  }

  async has(field: string): Promise<boolean> {
    const { index } = this.keys.index(patternOfField(field) ?? field);
    const isKnown = await this.connection
      .at(index)
      .run('read the groups', (client) => client.hexists(index, field));
    return isKnown === 1;
  }

  async set(
    fields: readonly IndexField[],
    { onlyMissing }: { readonly onlyMissing: boolean },
  ): Promise<void> {
    for (const [field] of fields) this.#assertPossible(field);
    const args = { onlyMissing: onlyMissing ? 1 : 0 };
    const declared = await Promise.all(
      parts(fields).map(async (part) => {
        const pattern = patternOfField(part[0]?.[0] ?? '') ?? '';
        // Emitters need not know who listens to a pattern without wildcards.
        if (isOnlyListed(part)) return part;
        const script = isWildcard(pattern) ? declare.ofWildcards : declare.ofOnePattern;
        const rows = part.map(([field, value]) => ({ field, value }));
        const values = await script.run(this.connection, this.keys.index(pattern), args, rows);
        return part.map(([field, value], at): IndexField => [field, values[at] ?? value]);
      }),
    );
    await this.#list(declared.flat());
  }

  /** Returns whether it was there. */
  async remove(field: string): Promise<boolean> {
    const pattern = patternOfField(field) ?? field;
    const script = isWildcard(pattern) ? undeclare.ofWildcards : undeclare.ofOnePattern;
    const wasWanted = await script.run(this.connection, this.keys.index(pattern), { field });
    const { groups } = this.keys;
    const wasListed = await this.connection
      .at(groups)
      .run('list the groups', (client) => client.hdel(groups, field));
    return wasWanted || wasListed === 1;
  }

  async fill(queue: string, pattern: string, from: string): Promise<Begun> {
    this.#assertPossible(queue);
    const { history } = this.keys.history(pattern);
    const keys = { ...this.keys.index(pattern), ...this.keys.queue(queue), history };
    const args = {
      queue,
      historyField: historyField(pattern),
      from: firstEntry(from),
      wake: keys.wake,
    };
    const script = isWildcard(pattern) ? beginGroup.ofWildcards : beginGroup.ofOnePattern;
    const begun = await script.run(this.connection, keys, args);
    if (begun === 'begun') await this.#list([[queue, PRESENT]]);
    return begun;
  }

  /** @throws InvalidPatternError: the events of a pattern reach only what is in its slot */
  #assertPossible(field: string): void {
    const pattern = patternOfField(field) ?? '';
    if (!this.isCluster || !isWildcard(pattern) || field === listenersField(pattern)) return;
    throw new InvalidPatternError(
      pattern,
      `In a Redis Cluster, groups and histories cannot have wildcards, got ${JSON.stringify(pattern)}: the events of one ` +
        'pattern are in another slot than those of another. Name each pattern, or use one Redis.',
    );
  }

  /** Together with what else was declared in this turn: a server may declare a thousand at its start. */
  #list(fields: readonly IndexField[]): Promise<void> {
    return new Promise((resolve, reject) => this.#unlisted.add({ fields, resolve, reject }));
  }

  /** Never rejects: each has a promise of its own. */
  async #listAll(unlisted: readonly Unlisted[]): Promise<void> {
    try {
      await this.#write(unlisted.flatMap(({ fields }) => fields));
      for (const { resolve } of unlisted) resolve();
    } catch (error) {
      for (const { reject } of unlisted) reject(error);
    }
  }

  async #write(fields: readonly IndexField[]): Promise<void> {
    const { groups, queues } = this.keys;
    await Promise.all(
      inParts(fields).flatMap((part) => {
        const rows = part.map(([field, value]) => ({ field, value }));
        const named = part.map(([field]) => field).filter((field) => subscriptionOf(field));
        return [
          listGroups.run(this.connection, { groups }, {}, rows),
          ...(named.length === 0 ? [] : [listQueues.run(this.connection, { queues }, {}, named)]),
        ];
      }),
    );
  }
}

/** Those of one pattern are together, and so are wildcards. */
function parts(fields: readonly IndexField[]): (readonly IndexField[])[] {
  const byIndex = new Map<string, IndexField[]>();
  for (const field of fields) {
    const pattern = patternOfField(field[0]) ?? '';
    const isListed = isOnlyListed([field]);
    const place = isListed ? LISTED : isWildcard(pattern) ? WILDCARDS : `of ${pattern}`;
    const known = byIndex.get(place);
    if (known === undefined) byIndex.set(place, [field]);
    else known.push(field);
  }
  return [...byIndex.values()].flatMap(inParts);
}

const LISTED = 'listed';
const WILDCARDS = 'wildcards';

function isOnlyListed([first]: readonly IndexField[]): boolean {
  const pattern = patternOfField(first?.[0] ?? '') ?? '';
  return !isWildcard(pattern) && first?.[0] === listenersField(pattern);
}

function inParts(fields: readonly IndexField[]): (readonly IndexField[])[] {
  const all: (readonly IndexField[])[] = [];
  for (let at = 0; at < fields.length; at += MOST_FIELDS)
    all.push(fields.slice(at, at + MOST_FIELDS));
  return all;
}
