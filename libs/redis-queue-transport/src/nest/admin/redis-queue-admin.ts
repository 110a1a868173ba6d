import { DeadLetterAdmin } from '../../core/admin/dead-letter-admin.js';
import type { DeadLetterFilter } from '../../core/admin/dead-letter-admin.js';
import type { OffsetPage, Page, Reading } from '../../core/admin/pages.js';
import type {
  LanesCheck,
  PausedPart,
  PeekPage,
  QueueLane,
  QueuesOverview,
  Removal,
} from '../../core/admin/queue-admin.js';
import type {
  DeadLetterEntry,
  DelayedMessage,
  FoundMessage,
  HeldMessage,
  QueuedMessage,
} from '../../core/admin/queued-message.js';
import type { Forgetting, QueueConsumer, QueueLengths } from '../../core/admin/admin-broker.js';
import { BodyFormat } from '../../core/body/body.js';
import { jsonCodec } from '../../core/body/codec.js';
import type { Retired } from '../../core/admin/event-admin-broker.js';
import { EventAdmin } from '../../core/admin/event-admin.js';
import type { EventSubscriptions, HistoryEntry } from '../../core/admin/event-admin.js';
import { EARLIEST } from '../../core/events/history-start.js';
import { assertSubscribable } from '../../core/events/event-patterns.js';
import { subscriptionQueue } from '../../core/message/queue-name.js';
import { MessageReader } from '../../core/admin/message-reader.js';
import { flag, invalid, nested, oneOf } from '../../core/options/options.js';
import { QueueAdmin } from '../../core/admin/queue-admin.js';
import { Redriver } from '../../core/admin/redriver.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import { observersAsOne } from '../../core/lifecycle/observers.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { observerFailed } from '../log/lifecycle-log.js';
import { PrintableLogger } from '../log/printable-logger.js';
import { openAdmin } from '../../open-broker.js';
import { declarationRule, groupRule } from '../options/declarations.js';
import type { EventDeclarationOptions } from '../options/declarations.js';
import { historyEndRule } from '../options/history-ends.js';
import { resolveAdminOptions } from '../options/resolve-options.js';
import type { RedisQueueAdminOptions } from '../options/options.js';

/** A part of a history, both ends included. */
export interface ReplayOptions {
  /** Default: the oldest kept event. */
  readonly from?: Date | string | undefined;
  /** Default: the newest event. */
  readonly to?: Date | string | undefined;
}

/** Which part of a history to list, in which direction. */
export interface HistoryPageOptions extends Page, Reading {
  /** The first event of the page. Default: the oldest kept event, or the newest with `newestFirst`. */
  readonly from?: Date | string | undefined;
  /** Lists from the newest to the oldest. Default false. */
  readonly newestFirst?: boolean | undefined;
}

/** Which dead letters to list, in which direction. */
export interface DeadLetterPageOptions extends Page, Reading {
  /** The first dead letter of the page, by its `entry`. Default: the oldest, or the newest with `newestFirst`. */
  readonly from?: string | undefined;
  /** How many to skip from there. The more you skip, the more it costs: prefer `from`. Default 0. */
  readonly offset?: number | undefined;
  /** Lists from the newest to the oldest. Default false. */
  readonly newestFirst?: boolean | undefined;
}

/** Which queues to pause or resume together. */
export interface PausedQueues {
  /** Only those of this group. Default: all of the prefix. */
  readonly group?: string | undefined;
}

function groupOf(group: string | undefined): string | undefined {
  return group === undefined ? undefined : groupRule(group, 'group');
}

const waitingOrDelayed = oneOf(['waiting', 'delayed']);

const dropOrKeep = oneOf(['drop', 'keep']);

/** Checked, since a misspelt bound would replay everything. */
const replayRule = nested<{ readonly from: string; readonly to: string | undefined }>(
  { from: historyEndRule, to: historyEndRule },
  { from: EARLIEST, to: undefined },
);

/** A queue: its name, or the pattern and the group of an event subscription. */
export type RedisQueueName = string | { readonly pattern: string; readonly group: string };

function nameOf(queue: RedisQueueName): string {
  if (typeof queue === 'string') return queue;
  if (typeof queue?.pattern !== 'string')
    throw invalid('queue', 'the name of a queue, or { pattern, group }', queue);
  return subscriptionQueue({ group: groupRule(queue.group, 'group'), pattern: queue.pattern });
}

/**
 * Inspects and manages queues, while consumers run. Provided by `RedisQueueModule`. The name of a queue is its pattern
 * as Nest normalises it (`inventory.reserve`, `{"cmd":"sum"}`).
 *
 * Every method rejects with `RedisUnavailableError`, `RedisRefusedError` or `OutcomeUnknownError` if Redis fails, and
 * with `InvalidOptionError` for unusable arguments.
 */
export class RedisQueueAdmin {
  // `private` and not `#`, which would break behind a Proxy (Nest's `instrument.instanceDecorator`).
  private readonly admin: QueueAdmin;
  private readonly dead: DeadLetterAdmin;
  private readonly events: EventAdmin;

  /** @throws InvalidOptionError */
  constructor(options: RedisQueueAdminOptions = {}) {
    const resolved = resolveAdminOptions(options);
    const broker = openAdmin(resolved);
    const format = new BodyFormat({ ...resolved, codec: jsonCodec, compressAboveBytes: false });
    const reader = new MessageReader(broker, format);
    this.admin = new QueueAdmin(broker, reader);
    const redriver = new Redriver(broker, oneOfAll(resolved.observers), nodeRuntime);
    this.dead = new DeadLetterAdmin(broker, reader, redriver);
    this.events = new EventAdmin(broker.events, reader);
  }

  /** The names of all queues that were ever sent to or served. */
  queues(): Promise<readonly string[]> {
    return this.admin.queues();
  }

  /**
   * How many messages are where. What is in lanes, and what waits for its key to be read, waits too, but is counted by
   * itself, as `inLanes` and `unkeyed`.
   */
  lengths(queue: RedisQueueName): Promise<QueueLengths> {
    return this.admin.lengths(nameOf(queue));
  }

  /**
   * All queues at a glance, or the given ones, for a dashboard or an alarm. Costs two calls for each queue, whatever
   * its length. Queues that cannot be looked at are listed with the reason; the others are shown anyway. Rejects only
   * if Redis refuses every queue, for a reason other than keys of another type.
   */
  async overview(queues?: readonly RedisQueueName[]): Promise<QueuesOverview> {
    return this.admin.overview(queues?.map(nameOf));
  }

  /**
   * The consumers of the queue, in the order in which their leases end, and how many messages each of them holds.
   * Reclaimed consumers are listed only while they hold something again.
   */
  consumers(queue: RedisQueueName): Promise<readonly QueueConsumer[]> {
    return this.admin.consumers(nameOf(queue));
  }

  /**
   * The lanes in which most messages wait, the longest first: each message waits until an earlier one of its key is
   * settled, or until its key may go on. Behind them, paused keys of which none waits. Looks at all keys of which messages
   * are under way, in small steps. Default: the longest 100.
   */
  async lanes(queue: RedisQueueName, page?: Page): Promise<readonly QueueLane[]> {
    return this.admin.lanes(nameOf(queue), page);
  }

  /**
   * Counts anew how many messages of each key are out, and returns the keys of which the counts in Redis are wrong: somebody
   * has deleted a list by hand, or written into one. Such a key may wait for ever. @throws QueueTooLongError above 4,000
   * messages, keys and consumers together, without messages in lanes
   */
  async checkLanes(queue: RedisQueueName): Promise<LanesCheck> {
    return this.admin.checkLanes(nameOf(queue));
  }

  /**
   * Corrects what {@link checkLanes} finds, in the same step in which it looks, and lets keys go on that wait for nothing.
   * Returns what was wrong. What is right stays as it is, so it may run at any time. If the Redis user may run `SCAN`, lanes
   * of which the key has no count at all are found too. @throws QueueTooLongError as for {@link checkLanes}
   */
  async repairLanes(queue: RedisQueueName): Promise<LanesCheck> {
    return this.admin.repairLanes(nameOf(queue));
  }

  /**
   * Waiting messages, the next one first: those that consumers may take now or, with `key`, those that wait behind
   * another one of this key. They stay where they are. Default: the first 100.
   */
  async peek(queue: RedisQueueName, page?: PeekPage): Promise<readonly QueuedMessage[]> {
    return this.admin.peek(nameOf(queue), page);
  }

  /**
   * Messages that were running when a process died, the next one first. They wait beside the others, and one consumer
   * runs them one by one. Default: the first 100.
   */
  suspects(queue: RedisQueueName, page?: OffsetPage): Promise<readonly QueuedMessage[]> {
    return this.admin.suspects(nameOf(queue), page);
  }

  /** Messages that consumers hold, by consumer, the oldest of each first. Default: the first 100. */
  held(queue: RedisQueueName, page?: OffsetPage): Promise<readonly HeldMessage[]> {
    return this.admin.held(nameOf(queue), page);
  }

  /** Delayed messages, the next one due first. Default: the first 100. */
  delayed(queue: RedisQueueName, page?: OffsetPage): Promise<readonly DelayedMessage[]> {
    return this.admin.delayed(nameOf(queue), page);
  }

  /**
   * Looks for a message by its id: where it is, and what is in it. If several messages have the id, you get one of
   * them. Undefined if none waits, is delayed or held; one that moves during the search may be missed. Dead letters are
   * not searched: they are identified by their `entry`. @throws InvalidOptionError for an unusable id
   */
  async find(queue: RedisQueueName, id: string): Promise<FoundMessage | undefined> {
    return this.admin.find(nameOf(queue), id);
  }

  /**
   * Makes delayed messages due now: all, or those that match the filter. Returns how many. With `withLarge: false`, the
   * filter gets large messages without their data, which costs less.
   */
  advanceDelayed(
    queue: RedisQueueName,
    filter?: (message: DelayedMessage) => boolean,
    reading: Reading = {},
  ): Promise<number> {
    return this.admin.advanceDelayed(nameOf(queue), filter, reading);
  }

  /**
   * Makes one delayed message due now, by its id. Other due messages go first. Returns false if no delayed message has
   * this id. @throws InvalidOptionError for an unusable id
   */
  async advance(queue: RedisQueueName, id: string): Promise<boolean> {
    return this.admin.advance(nameOf(queue), id);
  }

  /**
   * Removes one waiting or delayed message for good, by its id, or by its `element` if it has none. Returns:
   *
   * - `removed`. If several messages have this id, each call removes one.
   * - `held`: a consumer holds it. It is left alone.
   * - `unknown`: it was never there, has ended, or is a dead letter. A message that moves during the search may be
   *   missed.
   *
   * The id stays taken for its `deduplicate` window, as after a handled message. A caller that waits for its reply is
   * not told. The search goes from the tail to the head, in small steps. @throws InvalidOptionError for an unusable id
   */
  async remove(queue: RedisQueueName, id: string | Buffer): Promise<Removal> {
    return Buffer.isBuffer(id)
      ? this.admin.removeElement(nameOf(queue), id)
      : this.admin.remove(nameOf(queue), id);
  }

  /**
   * Dead letters, the oldest first, or with `newestFirst` the newest. `next` is the `from` of the next page in the same
   * direction. @throws InvalidOptionError
   */
  async deadLetters(
    queue: RedisQueueName,
    { from, offset = 0, limit, newestFirst = false, withLarge }: DeadLetterPageOptions = {},
  ): Promise<{ readonly letters: readonly DeadLetterEntry[]; readonly next: string | undefined }> {
    const isNewestFirst = flag(newestFirst, 'newestFirst');
    const page = { from, offset, limit, isNewestFirst, withLarge };
    return this.dead.list(nameOf(queue), page);
  }

  /** One dead letter, by its `entry`. */
  deadLetter(queue: RedisQueueName, entry: string): Promise<DeadLetterEntry | undefined> {
    return this.dead.get(nameOf(queue), entry);
  }

  /**
   * Sends a dead letter again, at the tail of its queue. Its attempts start anew, and the reason is added to its header
   * `dead-letter-history`. Returns false if it is not there: if two calls redrive it at once, one of them does it.
   */
  redrive(queue: RedisQueueName, entry: string): Promise<boolean> {
    return this.dead.redrive(nameOf(queue), entry);
  }

  /**
   * Redrives all present dead letters, or those that match the filter. Returns how many. With `withLarge: false`, the
   * filter gets large messages without their data, which costs less.
   */
  redriveAll(
    queue: RedisQueueName,
    filter?: DeadLetterFilter,
    reading: Reading = {},
  ): Promise<number> {
    return this.dead.redriveAll(nameOf(queue), filter, reading);
  }

  /** Deletes a dead letter for good. Returns false if it is not there. */
  deleteDeadLetter(queue: RedisQueueName, entry: string): Promise<boolean> {
    return this.dead.delete(nameOf(queue), entry);
  }

  /**
   * Deletes all present dead letters, or those that match the filter. Returns how many. With `withLarge: false`, the
   * filter gets large messages without their data, which costs less.
   */
  deleteDeadLetters(
    queue: RedisQueueName,
    filter?: DeadLetterFilter,
    reading: Reading = {},
  ): Promise<number> {
    return this.dead.deleteAll(nameOf(queue), filter, reading);
  }

  /**
   * Stops handing out messages, on all consumers, until {@link resume}. Running handlers go on, and the queue still
   * accepts messages. A consumer that misses the news notices within 5 s.
   *
   * With `key`, only this key is paused: its messages wait in its lane, and other keys pass. Those of it that are out, running
   * or about to, go on. @throws InvalidOptionError for an unusable key
   */
  async pause(queue: RedisQueueName, of?: PausedPart): Promise<void> {
    return this.admin.pause(nameOf(queue), of);
  }

  /**
   * Ends a {@link pause} of the queue or, with `key`, of this key. A key goes on even if it waits because of `SlowDown` or
   * a rate that was higher once. @throws InvalidOptionError for an unusable key
   */
  async resume(queue: RedisQueueName, of?: PausedPart): Promise<void> {
    return this.admin.resume(nameOf(queue), of);
  }

  /**
   * Pauses every queue of the prefix, or every queue of one group. Returns their names. A queue that comes into being
   * later is not paused. @throws InvalidOptionError
   */
  async pauseAll({ group }: PausedQueues = {}): Promise<readonly string[]> {
    return this.admin.setAllPaused(true, groupOf(group));
  }

  /**
   * Resumes every queue of the prefix, or every queue of one group, including those that were paused one by one. Returns
   * their names. @throws InvalidOptionError
   */
  async resumeAll({ group }: PausedQueues = {}): Promise<readonly string[]> {
    return this.admin.setAllPaused(false, groupOf(group));
  }

  /**
   * Removes all waiting and delayed messages for good, or `only` those that wait or those that are delayed. Returns how
   * many. Their ids stay taken for their `deduplicate` window, as after handled messages. @throws InvalidOptionError
   */
  async purge(
    queue: RedisQueueName,
    { only }: { readonly only?: 'waiting' | 'delayed' | undefined } = {},
  ): Promise<number> {
    const what = only === undefined ? 'all' : waitingOrDelayed(only, 'only');
    return this.admin.purge(nameOf(queue), what);
  }

  /**
   * Removes what is left of a queue that is no longer used: its name, counts and terms. It is no longer listed, until a
   * message is sent to it or a server serves it; a client that sends to it lists it again within ten minutes. Ids stay taken
   * for their `deduplicate` window. Returns `forgotten`; `unknown` if there is nothing of it; or why it was left alone:
   *
   * - `hasMessages`: some wait, are delayed, are dead letters, or are in the hands of a consumer that died. {@link purge} and
   *   {@link deleteDeadLetters} remove them.
   * - `isServed`: a server has it, or one that did not end in order may still do something for fifteen minutes.
   * - `isPaused`: the queue or one of its keys is paused, and would no longer be.
   * - `isGroup`: a group gets copies of events there. {@link retire} it.
   */
  async forget(queue: RedisQueueName): Promise<Forgetting> {
    return this.admin.forget(nameOf(queue));
  }

  /** Groups that get copies of events, wildcards with live listeners, and histories. */
  async groups(): Promise<EventSubscriptions> {
    return this.events.subscriptions();
  }

  /**
   * Starts copies of a pattern's events for groups that have not started yet, and histories. The given bounds replace
   * those of an existing history. @throws InvalidOptionError | InvalidPatternError
   */
  async declare(pattern: string, declaration: EventDeclarationOptions): Promise<void> {
    assertSubscribable(pattern);
    const { groups, history } = declarationRule(declaration, 'declaration');
    await this.events.declare({ pattern, groups, history });
  }

  /**
   * Ends a group's subscription: it gets no more copies. Waiting and delayed messages are dropped for good, or kept in
   * the queue `@GROUP/PATTERN`; dead letters stay. First stop the group's replicas and the servers that declare it: one
   * that starts again, or takes a new lease, subscribes again. Returns whether the group was there, and how many
   * messages were dropped.
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
   * Ends a pattern's history: no more events are added. Its entries are dropped for good, or kept for {@link history}
   * and {@link replay} without a limit by age; a later call with `drop` removes them. Numbering continues if the
   * history is declared again. First stop the servers that declare it, by a handler or by `declare`: one that starts
   * again, or takes a new lease, starts the history again. Also stop servers with `recover` handlers of it, which would
   * hear nothing. Returns whether the history was there, and how many entries were dropped.
   */
  async endHistory(
    pattern: string,
    options: { readonly entries: 'drop' | 'keep' },
  ): Promise<Retired> {
    const entries = dropOrKeep(options?.entries, 'entries');
    return this.events.endHistory(pattern, entries);
  }

  /** Stops publishing to a wildcard that no longer has live listeners. Returns false if there was none. */
  async forgetListeners(pattern: string): Promise<boolean> {
    return this.events.forgetListeners(pattern);
  }

  /**
   * The kept events of a pattern, the oldest first, starting at an event (its `historyId`) or a time of Redis's clock.
   * With `newestFirst`, the newest first, going back from there. `next` is the `from` of the next page in the same
   * direction.
   */
  async history(
    pattern: string,
    { from, limit, newestFirst = false, withLarge }: HistoryPageOptions = {},
  ): Promise<{ readonly events: readonly HistoryEntry[]; readonly next: string | undefined }> {
    const first = from === undefined ? undefined : historyEndRule(from, 'from');
    const isNewestFirst = flag(newestFirst, 'newestFirst');
    return this.events.history(pattern, { from: first, limit, isNewestFirst, withLarge });
  }

  /**
   * Gives a group events of its pattern's history again, at the tail of its queue: all that are kept, or those between
   * two events (their `historyId`) or times of Redis's clock. They keep their ids, so a handler with `once` skips those
   * that it has already handled. Returns how many. If it fails, a part may have been replayed.
   * @throws InvalidOptionError for a group that does not get these events, or if none are kept
   */
  async replay(pattern: string, group: string, range: ReplayOptions = {}): Promise<number> {
    const { from, to } = replayRule(range, 'range');
    return this.events.replay(pattern, group, { from, to });
  }

  /** The text that Redis's command `INFO` returns. */
  redisInfo(): Promise<string> {
    return this.admin.redisInfo();
  }

  close(): Promise<void> {
    return this.admin.close();
  }

  /** Called by Nest when the app ends. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }
}

function oneOfAll(observers: readonly RedisQueueObserver[]): RedisQueueObserver {
  const logger = new PrintableLogger('RedisQueueAdmin');
  return observersAsOne(observers, (event, error) => logger.error(observerFailed(event, error)));
}
