import type {
  DeadLetterFilter,
  Page,
  QueueOverview,
  Removal,
} from '../../core/admin/queue-admin.js';
import type {
  DeadLetterEntry,
  DelayedMessage,
  QueuedMessage,
} from '../../core/admin/queued-message.js';
import type { QueueLengths } from '../../core/admin/admin-broker.js';
import { BodyFormat } from '../../core/body/body.js';
import { jsonCodec } from '../../core/body/codec.js';
import type { Retired } from '../../core/admin/event-admin-broker.js';
import { EventAdmin } from '../../core/admin/event-admin.js';
import type { EventSubscriptions, HistoryEntry } from '../../core/admin/event-admin.js';
import { assertSubscribable, subscriptionQueue } from '../../core/events/event-patterns.js';
import { MessageReader } from '../../core/admin/message-reader.js';
import { flag, invalid, nested, oneOf } from '../../core/options/options.js';
import { QueueAdmin } from '../../core/admin/queue-admin.js';
import { openAdmin } from '../../open-broker.js';
import { declarationRule, groupRule } from '../options/declarations.js';
import type { EventDeclarationOptions } from '../options/declarations.js';
import { historyEndRule } from '../options/event-options.js';
import { resolveAdminOptions } from '../options/options.js';
import type { RedisQueueAdminOptions } from '../options/options.js';

/** Which part of a history; both ends are meant too. */
export interface ReplayOptions {
  /** Default: the oldest that is kept. */
  readonly from?: Date | string | undefined;
  /** Default: the newest. */
  readonly to?: Date | string | undefined;
}

/** Which part of a history is listed, and which way. */
export interface HistoryPageOptions extends Page {
  /** Where the page begins, included. Default: the oldest that is kept, or the newest with `newestFirst`. */
  readonly from?: Date | string | undefined;
  /** Goes from the newest back. Default false. */
  readonly newestFirst?: boolean | undefined;
}

const dropOrKeep = oneOf(['drop', 'keep']);

/** A bound with a slip in its name would have everything replayed. */
const replayRule = nested<{ readonly from: string; readonly to: string | undefined }>(
  { from: historyEndRule, to: historyEndRule },
  { from: '-', to: undefined },
);

/** A queue: its name, or a pattern with the group whose events wait there. */
export type RedisQueueName = string | { readonly pattern: string; readonly group: string };

function nameOf(queue: RedisQueueName): string {
  if (typeof queue === 'string') return queue;
  if (typeof queue?.pattern !== 'string')
    throw invalid('queue', 'the name of a queue, or { pattern, group }', queue);
  return subscriptionQueue({ group: groupRule(queue.group, 'group'), pattern: queue.pattern });
}

/**
 * Looks into queues and tends them, beside live consumers. Provided by `RedisQueueModule`; a queue's name is its
 * pattern as Nest normalises it (`inventory.reserve`, `{"cmd":"sum"}`).
 *
 * Every method rejects with `RedisUnavailableError`, `RedisRefusedError` or `OutcomeUnknownError` when Redis fails; one
 * that lists pages, with `InvalidOptionError` for an `offset` or `limit` that is none.
 */
export class RedisQueueAdmin {
  // `private` and not `#`, which would break behind a Proxy (Nest's `instrument.instanceDecorator`).
  private readonly admin: QueueAdmin;
  private readonly events: EventAdmin;

  /** @throws InvalidOptionError */
  constructor(options: RedisQueueAdminOptions = {}) {
    const resolved = resolveAdminOptions(options);
    const broker = openAdmin(resolved);
    const format = new BodyFormat({ ...resolved, codec: jsonCodec, compressAboveBytes: false });
    const reader = new MessageReader(broker, format);
    this.admin = new QueueAdmin(broker, reader);
    this.events = new EventAdmin(broker.events, (element) => reader.message(element));
  }

  /** Names of all queues that were ever pushed to or served. */
  queues(): Promise<readonly string[]> {
    return this.admin.queues();
  }

  lengths(queue: RedisQueueName): Promise<QueueLengths> {
    return this.admin.lengths(nameOf(queue));
  }

  /** All queues at a glance, at a cost for each that does not grow with what is in it: for a dashboard, or an alarm. */
  overview(): Promise<readonly QueueOverview[]> {
    return this.admin.overview();
  }

  /** Waiting messages, the next one first; nothing is taken. Default: the first 100. */
  peek(
    queue: RedisQueueName,
    page?: Page & { readonly offset?: number | undefined },
  ): Promise<readonly QueuedMessage[]> {
    return this.admin.peek(nameOf(queue), page);
  }

  /** Delayed messages, the next one due first. Default: the first 100. */
  delayed(
    queue: RedisQueueName,
    page?: Page & { readonly offset?: number | undefined },
  ): Promise<readonly DelayedMessage[]> {
    return this.admin.delayed(nameOf(queue), page);
  }

  /** Makes delayed messages due now: all, or those that the filter takes. Answers how many. */
  advanceDelayed(
    queue: RedisQueueName,
    filter?: (message: DelayedMessage) => boolean,
  ): Promise<number> {
    return this.admin.advanceDelayed(nameOf(queue), filter);
  }

  /**
   * Makes one delayed message due now, by its id; the others that are due go first. False when no message of that id is
   * delayed. @throws InvalidOptionError for an id that is none
   */
  async advance(queue: RedisQueueName, id: string): Promise<boolean> {
    return this.admin.advance(nameOf(queue), id);
  }

  /**
   * Removes one message that waits or is delayed, by its id, for good: `removed`; where several have it, one with each call.
   * `held` when a consumer holds it, which is left alone; `unknown` when it is none of these: it was never there, has
   * ended, or is a dead letter. One that moves on while it is looked for may be missed. Its id stays taken for its
   * `deduplicate` window, as it does when a message was handled. Who waits for its reply is not told. The queue is looked
   * through by small parts, from the tail on. @throws InvalidOptionError for an id that is none
   */
  async remove(queue: RedisQueueName, id: string): Promise<Removal> {
    return this.admin.remove(nameOf(queue), id);
  }

  /** Dead letters, the oldest first. `next` is the `from` of the following page. */
  deadLetters(
    queue: RedisQueueName,
    page?: Page & { readonly from?: string | undefined },
  ): Promise<{ readonly letters: readonly DeadLetterEntry[]; readonly next: string | undefined }> {
    return this.admin.deadLetters(nameOf(queue), page);
  }

  /** One dead letter, by its `entry`. */
  deadLetter(queue: RedisQueueName, entry: string): Promise<DeadLetterEntry | undefined> {
    return this.admin.deadLetter(nameOf(queue), entry);
  }

  /**
   * Sends a dead letter again, at the tail of its queue: its attempt starts anew, and why it died is added to its
   * header `dead-letter-history`. False when it is not there (any more): of two that redrive it at once, one does.
   */
  redrive(queue: RedisQueueName, entry: string): Promise<boolean> {
    return this.admin.redrive(nameOf(queue), entry);
  }

  /** Redrives all dead letters that are there now, or those that the filter takes. Answers how many. */
  redriveAll(queue: RedisQueueName, filter?: DeadLetterFilter): Promise<number> {
    return this.admin.redriveAll(nameOf(queue), filter);
  }

  /** False when it is not there (any more). */
  deleteDeadLetter(queue: RedisQueueName, entry: string): Promise<boolean> {
    return this.admin.deleteDeadLetter(nameOf(queue), entry);
  }

  /** Deletes all dead letters that are there now, or those that the filter takes. Answers how many. */
  deleteDeadLetters(queue: RedisQueueName, filter?: DeadLetterFilter): Promise<number> {
    return this.admin.deleteDeadLetters(nameOf(queue), filter);
  }

  /**
   * Stops handing out, on every consumer, until {@link resume}. What runs goes on, and messages are still taken in. A
   * consumer that misses the news finds out within 5 s.
   */
  pause(queue: RedisQueueName): Promise<void> {
    return this.admin.pause(nameOf(queue));
  }

  resume(queue: RedisQueueName): Promise<void> {
    return this.admin.resume(nameOf(queue));
  }

  /**
   * Removes everything that waits or is delayed, for good. Answers how many messages that were. Ids stay taken for
   * their `deduplicate` window, as they do when a message was handled.
   */
  purge(queue: RedisQueueName): Promise<number> {
    return this.admin.purge(nameOf(queue));
  }

  /** Groups that get copies of events, wildcards with live listeners, and histories. */
  async groups(): Promise<EventSubscriptions> {
    return this.events.subscriptions();
  }

  /**
   * Lets groups get copies of a pattern's events before they first start, and histories begin; a history that is given
   * replaces the bounds of one that is there. @throws InvalidOptionError | InvalidPatternError
   */
  async declare(pattern: string, declaration: EventDeclarationOptions): Promise<void> {
    assertSubscribable(pattern);
    const { groups, history } = declarationRule(declaration, 'declaration');
    await this.events.declare({ pattern, groups, history });
  }

  /**
   * Ends a group's subscription: no copy comes any more. What still waits, or is delayed, is dropped for good, or kept
   * in the queue `@GROUP/PATTERN`; dead letters stay. Stop the group's replicas first, and servers that declare it: one
   * that starts again, or takes a new lease, begins it anew. Answers whether the group was there, and how many messages were dropped.
   */
  async retire(
    pattern: string,
    group: string,
    options: { readonly waiting: 'drop' | 'keep' },
  ): Promise<Retired> {
    const waiting = dropOrKeep(options?.waiting, 'waiting');
    return this.events.retire(pattern, groupRule(group, 'group'), waiting);
  }

  /**
   * Ends a pattern's history: no event is added any more. The entries that it has are dropped for good, or kept for
   * {@link history} and {@link replay}, without a bound on their age; a later call with `drop` removes them. Numbers go
   * on where the history is declared again. Stop the servers first that declare it, by a handler or by `declare`: one
   * that starts again, or takes a new lease, begins it anew. Stop those with `recover` handlers of it too, which would
   * hear nothing. Answers whether the history was there, and how many entries were dropped.
   */
  async endHistory(
    pattern: string,
    options: { readonly entries: 'drop' | 'keep' },
  ): Promise<Retired> {
    const entries = dropOrKeep(options?.entries, 'entries');
    return this.events.endHistory(pattern, entries);
  }

  /** Ends publishing to the live listeners of a wildcard that nobody has any more; false when there was none. */
  async forgetListeners(pattern: string): Promise<boolean> {
    return this.events.forgetListeners(pattern);
  }

  /**
   * The events that are kept of a pattern, the oldest first, from an event (its `historyId`) or a time of Redis's clock
   * on; with `newestFirst` the newest first, from there back. `next` is the `from` of the following page in the same
   * direction.
   */
  async history(
    pattern: string,
    { from, limit, newestFirst = false }: HistoryPageOptions = {},
  ): Promise<{ readonly events: readonly HistoryEntry[]; readonly next: string | undefined }> {
    const first = from === undefined ? undefined : historyEndRule(from, 'from');
    const isNewestFirst = flag(newestFirst, 'newestFirst');
    return this.events.history(pattern, { from: first, limit, isNewestFirst });
  }

  /**
   * Gives a group events of its pattern's history once more, at the tail of its queue: all that are kept up to now, or
   * those from and up to an event (its `historyId`) or a time of Redis's clock. They keep their ids, so that a handler
   * with `once` passes over those that it had. Answers how many. A failure on the way leaves a part replayed.
   * @throws InvalidOptionError for a group that does not get these events, or where none are kept
   */
  async replay(pattern: string, group: string, range: ReplayOptions = {}): Promise<number> {
    const { from, to } = replayRule(range, 'range');
    return this.events.replay(pattern, group, { from, to });
  }

  close(): Promise<void> {
    return this.admin.close();
  }

  /** Called by Nest when the app ends. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }
}
