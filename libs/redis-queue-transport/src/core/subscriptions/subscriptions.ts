import type { EventDeclaration } from '../broker/broker.js';
import type { SubscriptionTerms } from '../broker/lease.js';
import { InvalidOptionError } from '../errors/start-errors.js';
import { assertNamesQueue, subscriptionOf, subscriptionQueue } from '../message/queue-name.js';
import { historyField, historyValue, listenersField } from '../events/event-index.js';
import type { IndexField } from '../events/event-index.js';
import type { Runtime } from '../process/runtime.js';
import { retryUntilStopped } from '../process/until-stopped.js';

/** Whether a new group now gets copies, needs another step, or cannot be filled. */
export type Begun = 'begun' | 'more' | 'noHistory';

/** The broker's access to the index of groups. */
export interface SubscriptionIndex {
  /** Waits for the connection. */
  ready(): Promise<void>;
  has(field: string): Promise<boolean>;
  /**
   * Those of one pattern in one step. A field that names a queue also lists it. With `onlyMissing`, existing fields stay as
   * they are.
   */
  set(fields: readonly IndexField[], terms: { readonly onlyMissing: boolean }): Promise<void>;
  /**
   * Fills a new group with the next part of a history. With the last part, in the same step, it starts to get copies by
   * itself, so that nothing is lost or doubled. Several replicas may call it at once, and if one dies, the next
   * continues.
   */
  fill(queue: string, pattern: string, from: string): Promise<Begun>;
}

/** The value of a field whose name says everything. */
export const PRESENT = '1';

/** Records in the index of groups which events this process wants. */
export class Subscriptions {
  /** Patterns that live listeners of this process listen to. */
  #heard: readonly string[] = [];
  /** Queues that this process has joined. Those of groups get copies of events. */
  readonly #joined = new Set<string>();
  /** The values that this process has declared, by field. */
  readonly #declared = new Map<string, string>();
  #listening = new AbortController();
  /** Never rejects. */
  #restoring: Promise<unknown> = Promise.resolve();
  /** Has not begun. */
  #nextRestoring: Promise<void> | undefined;

  constructor(
    private readonly index: SubscriptionIndex,
    private readonly runtime: Runtime,
  ) {}

  async declare({ pattern, groups = [], history }: EventDeclaration): Promise<void> {
    const fields = groups.map((group): IndexField => [
      subscriptionQueue({ group, pattern }),
      PRESENT,
    ]);
    if (history !== undefined) {
      assertNamesQueue(pattern);
      fields.push([historyField(pattern), historyValue(history)]);
    }
    await this.#set(fields);
    for (const [field, value] of fields) this.#declared.set(field, value);
  }

  /**
   * For a consumer that is about to take a lease: from now on the group of its queue, if it has one, gets copies. A new
   * group first gets the history from an entry on. After a lost lease, everything that Redis has forgotten is written
   * again.
   * @throws InvalidOptionError if there is no such history
   */
  async join(queue: string, subscription: SubscriptionTerms | undefined): Promise<void> {
    if (this.#joined.has(queue)) {
      if (subscription !== undefined) await this.#set([present(queue)], { onlyMissing: true });
      await this.#restoreAll();
    } else if (subscription !== undefined) await this.#begin(queue, subscription);
    this.#joined.add(queue);
  }

  /**
   * Writes what does not belong to one queue. Existing fields stay as they are: somebody has changed them on purpose. Of the
   * consumers that lose their leases at the same time, all that come while one writes wait for one more time.
   */
  async #restoreAll(): Promise<void> {
    this.#nextRestoring ??= this.#restoring.then(() => {
      this.#nextRestoring = undefined;
      const restoring = this.#set([...this.#declared, ...this.#listened], { onlyMissing: true });
      this.#restoring = restoring.catch(() => undefined);
      return restoring;
    });
    await this.#nextRestoring;
  }

  async #begin(queue: string, { from }: SubscriptionTerms): Promise<void> {
    // For a group that already existed, the history is ignored. Checked first: a full Redis refuses to fill a group,
    // but a replica that drains the group must be able to join.
    const isNew = from !== undefined && !(await this.index.has(queue));
    if (isNew) await this.#fill(queue, from);
    else await this.#set([present(queue)]);
  }

  async #fill(queue: string, from: string): Promise<void> {
    const pattern = subscriptionOf(queue)?.pattern ?? '';
    let begun: Begun;
    do {
      begun = await this.index.fill(queue, pattern, from);
    } while (begun === 'more');
    if (begun === 'begun') return;
    throw new InvalidOptionError(
      'from',
      `from needs a history of the pattern "${pattern}", but there is none: give the handler a history, or declare one`,
    );
  }

  /** Makes emitters publish to the wildcards among these patterns, and records that all of them have listeners. */
  async listenTo(patterns: readonly string[]): Promise<void> {
    this.#heard = patterns;
    await this.#noteListeners();
  }

  /**
   * Repeats {@link listenTo}, since after a failover, Redis may not know of it. Never rejects: this connection may be
   * restored later than the one that noticed the interruption, so it tries until it succeeds or is started again.
   */
  async listenAgain(onError: (error: unknown) => void): Promise<void> {
    this.stop();
    if (this.#heard.length === 0) return;
    const { signal } = (this.#listening = new AbortController());
    const note = async (): Promise<void> => {
      await this.index.ready();
      await this.#noteListeners();
    };
    await retryUntilStopped(note, signal, onError, this.runtime);
  }

  /** Stops the tries of {@link listenAgain}. */
  stop(): void {
    this.#listening.abort();
  }

  #noteListeners(): Promise<void> {
    return this.#set(this.#listened);
  }

  get #listened(): readonly IndexField[] {
    return this.#heard.map((pattern) => present(listenersField(pattern)));
  }

  async #set(fields: readonly IndexField[], { onlyMissing = false } = {}): Promise<void> {
    if (fields.length > 0) await this.index.set(fields, { onlyMissing });
  }
}

function present(field: string): IndexField {
  return [field, PRESENT];
}
