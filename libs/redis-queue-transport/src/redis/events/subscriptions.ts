import type { EventDeclaration } from '../../core/broker/broker.js';
import type { SubscriptionTerms } from '../../core/broker/lease.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { historyField, historyValue, listenersField } from '../../core/events/event-index.js';
import { subscriptionOf, subscriptionQueue } from '../../core/message/queue-name.js';
import { retryUntilStopped } from '../../core/process/until-stopped.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Connection } from '../connection/connection.js';
import type { Keys } from '../keys/keys.js';
import { beginGroup } from '../history/begin-group.script.js';
import type { Begun } from '../history/begin-group.script.js';
import { firstEntry } from '../history/first-entry.js';
import { declare } from './declare.script.js';

/** A field of the index, and its value. */
type Field = readonly [field: string, value: string];

/** The value of a field whose name says everything. */
const PRESENT = '1';

/** Enters in the index of groups which events this process wants. */
export class Subscriptions {
  /** Patterns that live listeners of this process listen to. */
  #heard: readonly string[] = [];
  /** Queues that this process has joined. Those of groups get copies of events. */
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
   * For a consumer that is about to take a lease: from now on the group of its queue, if it has one, gets copies. A new
   * group first gets the history from an entry on. After a lost lease, everything that Redis has forgotten is entered
   * again.
   * @throws InvalidOptionError if there is no such history
   */
  async join(queue: string, subscription: SubscriptionTerms | undefined): Promise<void> {
    if (this.#joined.has(queue)) await this.#restore(subscription && queue);
    else if (subscription !== undefined) await this.#begin(queue, subscription);
    this.#joined.add(queue);
  }

  /** Enters all in one call. Existing fields stay as they are: somebody has changed them on purpose. */
  async #restore(queue: string | undefined): Promise<void> {
    const own = queue === undefined ? [] : [present(queue)];
    await this.#set([...own, ...this.#declared, ...this.#listened], { onlyMissing: true });
  }

  async #begin(queue: string, { from }: SubscriptionTerms): Promise<void> {
    // For a group that already existed, the history is ignored.
    const isNew = from !== undefined && !(await this.#isKnown(queue));
    if (isNew) await this.#fill(queue, from);
    else await this.#set([present(queue)]);
  }

  /** Checked first: a full Redis refuses to fill a group, but a replica that drains the group must be able to join. */
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

  /** Makes emitters publish to the wildcards among these patterns, and records that all of them have listeners. */
  async listenTo(patterns: readonly string[]): Promise<void> {
    this.#heard = patterns;
    await this.#noteListeners();
  }

  /**
   * Repeats this, since a Redis after a failover may not know it. Never rejects: this connection may be restored later
   * than the one that noticed the interruption, so it tries until it succeeds or is started again.
   */
  async listenAgain(onError: (error: unknown) => void): Promise<void> {
    this.stop();
    if (this.#heard.length === 0) return;
    const { signal } = (this.#listening = new AbortController());
    const note = async (): Promise<void> => {
      await this.connection.ready();
      await this.#noteListeners();
    };
    await retryUntilStopped(note, signal, onError, nodeRuntime);
  }

  /** Stops what is running in the background. */
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
    const rows = fields.map(([field, value]) => ({ field, value }));
    await declare.run(this.connection, { groups, queues }, args, rows);
  }
}

function present(field: string): Field {
  return [field, PRESENT];
}
