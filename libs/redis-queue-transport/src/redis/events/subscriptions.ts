import type { EventDeclaration, SubscriptionTerms } from '../../core/broker/broker.js';
import { InvalidOptionError } from '../../core/errors/errors.js';
import { historyField, historyValue, listenersField } from '../../core/events/event-index.js';
import { subscriptionOf, subscriptionQueue } from '../../core/message/queue-name.js';
import { retryUntilStopped } from '../../core/process/until-stopped.js';
import type { Connection } from '../connection/connection.js';
import type { Keys } from '../keys/keys.js';
import { beginGroup } from '../history/begin-group.script.js';
import type { Begun } from '../history/begin-group.script.js';
import { firstEntry } from '../history/first-entry.js';
import { declare } from './declare.script.js';

/** Of the index, and its value. */
type Field = readonly [field: string, value: string];

/** Value of a field whose name says all. */
const PRESENT = '1';

/** Writes into the index of groups what this process wants to get. */
export class Subscriptions {
  /** Patterns that live listeners of this process listen to. */
  #heard: readonly string[] = [];
  /** Queues that this process joined once: of those that are a group's it gets its copies. */
  readonly #joined = new Set<string>();
  /** What this process declared, by field. */
  readonly #declared = new Map<string, string>();
  #listening = new AbortController();

  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
  ) {}

  async declare({ pattern, groups = [], history }: EventDeclaration): Promise<void> {
    const fields = groups.map((group): Field => [subscriptionQueue({ group, pattern }), PRESENT]);
    if (history !== undefined) {
      this.keys.history(pattern); // which refuses a pattern that no key can have
      fields.push([historyField(pattern), historyValue(history)]);
    }
    await this.#set(fields);
    for (const [field, value] of fields) this.#declared.set(field, value);
  }

  /**
   * For a consumer that is about to take a lease: from here on the group of its queue, if it has one, gets its copies. A
   * new group is given the history from an entry on first. After a lease that was lost, all that this process wants and
   * Redis has forgotten is entered again.
   * @throws InvalidOptionError when there is no such history
   */
  async join(queue: string, subscription: SubscriptionTerms | undefined): Promise<void> {
    if (this.#joined.has(queue)) await this.#restore(subscription && queue);
    else if (subscription !== undefined) await this.#begin(queue, subscription);
    this.#joined.add(queue);
  }

  /** In one call. What is there stays as it is: whoever changed it since did so on purpose. */
  async #restore(queue: string | undefined): Promise<void> {
    const own = queue === undefined ? [] : [present(queue)];
    await this.#set([...own, ...this.#declared, ...this.#listened], { onlyMissing: true });
  }

  async #begin(queue: string, { from }: SubscriptionTerms): Promise<void> {
    // Of a group that was known the history plays no part, whatever has become of it.
    const isNew = from !== undefined && !(await this.#isKnown(queue));
    if (isNew) await this.#fill(queue, from);
    else await this.#set([present(queue)]);
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
    const args = { queue, historyField: historyField(pattern), from: firstEntry(from) };
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

  /** Has emitters publish to the wildcards among these patterns too, and tells whoever asks that all are listened to. */
  async listenTo(patterns: readonly string[]): Promise<void> {
    this.#heard = patterns;
    await this.#noteListeners();
  }

  /**
   * Once more, as the Redis that answers after a failover may not have known. Never rejects: this connection may be
   * there later than the one by which the interruption was noticed, so it tries until it is done, or begun anew.
   */
  async listenAgain(onError: (error: unknown) => void): Promise<void> {
    this.stop();
    if (this.#heard.length === 0) return;
    const { signal } = (this.#listening = new AbortController());
    const note = async (): Promise<void> => {
      await this.connection.ready();
      await this.#noteListeners();
    };
    await retryUntilStopped(note, signal, onError);
  }

  /** What is under way in the background is given up. */
  stop(): void {
    this.#listening.abort();
  }

  #noteListeners(): Promise<void> {
    return this.#set(this.#listened);
  }

  get #listened(): readonly Field[] {
    return this.#heard.map((pattern) => present(listenersField(pattern)));
  }

  async #set(fields: readonly Field[], { onlyMissing = false } = {}): Promise<void> {
    if (fields.length === 0) return;
    const { groups, queues } = this.keys;
    const args = { onlyMissing: onlyMissing ? 1 : 0 };
    await declare.run(this.connection, { groups, queues }, args, fields.flat());
  }
}

function present(field: string): Field {
  return [field, PRESENT];
}
