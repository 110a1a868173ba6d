import type { EventDeclaration, SubscriptionTerms } from '../core/broker.js';
import { InvalidOptionError } from '../core/errors.js';
import { historyField, historyValue, listenersField } from '../core/event-index.js';
import { isWildcard, subscriptionOf, subscriptionQueue } from '../core/event-patterns.js';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import { beginGroup } from './scripts/begin-group.js';
import type { Begun } from './scripts/begin-group.js';
import { declare } from './scripts/declare.js';

/** Value of a field whose name says all. */
const PRESENT = '1';

/** Writes into the index of groups what this process wants to get. */
export class Subscriptions {
  /** Wildcards that live listeners of this process listen to. */
  #wildcards: readonly string[] = [];
  /** Queues of groups that got their copies once. */
  readonly #begun = new Set<string>();

  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
  ) {}

  async declare({ pattern, groups = [], history }: EventDeclaration): Promise<void> {
    const fields = groups.map((group) => [subscriptionQueue({ group, pattern }), PRESENT]);
    if (history !== undefined) {
      this.keys.history(pattern); // which refuses a pattern that no key can have
      fields.push([historyField(pattern), historyValue(history)]);
    }
    await this.#set(fields.flat());
  }

  /**
   * From here on the group of this queue gets its copies. A new one is given the history from an entry on first.
   * @throws InvalidOptionError when there is no such history
   */
  async begin(queue: string, { from }: SubscriptionTerms): Promise<void> {
    // Of a group that was known the history plays no part, whatever has become of it.
    const isNew = from !== undefined && !this.#begun.has(queue) && !(await this.#isKnown(queue));
    if (isNew) await this.#fill(queue, from);
    else await this.#set([queue, PRESENT]);
    this.#begun.add(queue);
  }

  /** Looked up first, as filling is refused while Redis is full, and a replica that drains the group must get in. */
  async #isKnown(queue: string): Promise<boolean> {
    const isKnown = await this.connection.run('read the groups', (client) =>
      client.hexists(this.keys.groups, queue),
    );
    return isKnown === 1;
  }

  async #fill(queue: string, from: string): Promise<void> {
    const pattern = subscriptionOf(queue)?.pattern ?? '';
    const keys = {
      groups: this.keys.groups,
      ...this.keys.history(pattern),
      ...this.keys.queue(queue),
    };
    const args = { queue, historyField: historyField(pattern), from };
    let begun: Begun;
    do {
      begun = await beginGroup.run(this.connection, keys, args);
    } while (begun === 'more');
    if (begun === 'begun') return;
    throw new InvalidOptionError(
      'from',
      `from needs a history of the pattern "${pattern}", and there is none: give the handler a history, or declare one`,
    );
  }

  /** Has emitters publish to the wildcards among these patterns too. */
  async listenTo(patterns: readonly string[]): Promise<void> {
    this.#wildcards = patterns.filter(isWildcard);
    await this.listenAgain();
  }

  /** Once more, as the Redis that answers after a failover may not have known. */
  listenAgain(): Promise<void> {
    return this.#set(this.#wildcards.flatMap((pattern) => [listenersField(pattern), PRESENT]));
  }

  async #set(fieldsAndValues: readonly string[]): Promise<void> {
    if (fieldsAndValues.length === 0) return;
    const { groups, queues } = this.keys;
    await declare.run(this.connection, { groups, queues }, {}, fieldsAndValues);
  }
}
