import type { Redis } from 'ioredis';
import type {
  Broker,
  EventDeclaration,
  Feed,
  ListSource,
  OtherTerms,
  Published,
  PublishTerms,
  PushTerms,
  QueueTerms,
  RecoveryTerms,
  ServedAs,
  StreamState,
  WakeNews,
} from '../../core/broker/broker.js';
import type { Lease, LeaseTerms } from '../../core/broker/lease.js';
import { CLOSE_WITHIN_MS } from '../../core/broker/broker.js';
import { RedisClock } from '../../core/process/clock.js';
import type { Element } from '../../core/message/envelope.js';
import { drained } from '../../core/process/drained.js';
import { EventIndex } from '../../core/events/event-index.js';
import { isWildcard } from '../../core/events/event-patterns.js';
import { healthOf } from '../../core/broker/health.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import type { RedisQueueHealth } from '../../core/broker/health.js';
import { homeContext } from '../../core/process/own-context.js';
import { Connection } from '../connection/connection.js';
import type { ConnectionStatus } from '../connection/connection.js';
import type { ConnectionSource } from '../connection/connection-source.js';
import { EventBatch } from '../events/event-batch.js';
import { EventChannel } from '../events/event-channel.js';
import { Keys } from '../keys/keys.js';
import type { QueueKeys } from '../keys/keys.js';
import { LargeElements, mayHoldLarge } from '../parking/large-elements.js';
import { FEED_WAIT_MS, ListFeeder } from '../feeding/list-feeder.js';
import { processName } from '../connection/process-name.js';
import { ParkedReplies } from '../replies/parked-replies.js';
import { ParkingReplies } from '../replies/parking-replies.js';
import { ListedQueues } from '../queue/listed-queues.js';
import { PushBatch } from '../queue/push-batch.js';
import { SettingsCheck } from './settings-check.js';
import { RecoveredEvents } from '../history/recovered-events.js';
import { RedisLease } from '../lease/redis-lease.js';
import { KEEP_MS, ReplyBatch } from '../replies/reply-batch.js';
import { INBOX_WAIT_MS, ReplyInbox } from '../replies/reply-inbox.js';
import { join } from '../lease/join.script.js';
import { noteTerms } from '../lease/note-terms.script.js';
import { refuseReplies } from '../replies/refuse-replies.script.js';
import { register } from '../queue/register.script.js';
import { PAUSED } from '../admin/set-paused.script.js';
import { DUE } from '../script/delayed-lua.js';
import { Subscriptions } from '../events/subscriptions.js';

export interface RedisBrokerOptions {
  readonly connection: ConnectionSource;
  readonly prefix: string;
  /** How long a call waits for a connection that is away. */
  readonly connectTimeoutMs: number;
  /** What to do if a full Redis may evict keys. */
  readonly onEviction: 'ignore' | 'warn' | 'refuse';
  /** The bodies of larger elements are parked. */
  readonly parkAboveBytes: number | false;
  /** Bounds pushes and events without a reply yet. A call beyond it rejects with `SenderFullError`. */
  readonly budget: SendBudget;
}

export interface RedisBrokerEvents {
  status(status: ConnectionStatus): void;
  /** Something in the setup that people should know. */
  warning(text: string): void;
  /** The event connection was lost and restored, this many times so far: live events sent meanwhile were missed. */
  interrupted(times: number): void;
  /**
   * A message was added to a queue that no server has ever served, or an event reached nobody. Called once for each name,
   * for at most a thousand names.
   */
  unserved(call: 'enqueue' | 'emit', name: string): void;
  /** Trouble in the background, where no call can reject. */
  error(error: unknown): void;
}

/** Longest silence of the command connection while a reply is due. */
const COMMAND_DEADLINE_MS = 5_000;
/** An endless number of patterns must not fill the memory. */
const MOST_UNHEARD = 1_000;
/** How many queues that were sent to are remembered: an endless number of patterns must not fill the memory. */
const MOST_KNOWN_QUEUES = 1_000;
/** How late a blocking call may return after its own timeout. */
const BLOCKING_GRACE_MS = 1_500;

/** Bound of one script. */
const MOST_AT_ONCE = 1_000;

/** The broker on Redis: one connection for commands, one for large bodies, one for each thing that blocks. */
export class RedisBroker implements Broker {
  readonly #keys: Keys;
  readonly #home = homeContext();
  readonly #clock = new RedisClock(() => this.#readClockAgain());
  /** Names this process in Redis: consumers, reply list, connections. */
  readonly #name = processName();
  readonly #commands: Connection;
  readonly #replies: ReplyBatch;
  readonly #parkingReplies: ParkingReplies;
  readonly #published: EventBatch;
  readonly #subscriptions: Subscriptions;
  readonly #pushes = new Map<string, PushBatch>();
  readonly #listed: ListedQueues;
  readonly #settings: SettingsCheck;
  /** Those that have not been closed. */
  readonly #connections = new Set<Connection>();
  /** By queue. */
  readonly #onWake = new Map<string, () => void>();
  /** Patterns of events that reached nobody. */
  readonly #unheard = new Set<string>();
  /** Why Redis refuses to hand out and settle, and since when by `performance.now()`, by consumer. */
  readonly #refusals = new Map<string, { readonly failure: string; readonly since: number }>();
  #interruptions = 0;
  #isClosed = false;
  readonly #closing = new AbortController();
  /** Calls that wait for the connection. */
  #unsent = 0;
  #joined = 0;
  #ids = 0;
  #inbox: ReplyInbox | undefined;
  #openBodies: Connection | undefined;
  readonly #feeders: ListFeeder[] = [];
  #channel: EventChannel | undefined;
  #recovered: RecoveredEvents | undefined;

  constructor(
    private readonly options: RedisBrokerOptions,
    private readonly events: RedisBrokerEvents,
  ) {
    this.#commands = this.#connection('commands', COMMAND_DEADLINE_MS, (status) =>
      this.#onStatus(status),
    );
    this.#keys = new Keys(options.prefix, this.#commands.database);
    this.#settings = new SettingsCheck(this.#commands, options.onEviction, (text) =>
      events.warning(text),
    );
    this.#listed = new ListedQueues(this.#commands, this.#keys, {
      unserved: (queue) => events.unserved('enqueue', queue),
      error: (error) => events.error(error),
    });
    this.#replies = new ReplyBatch(this.#commands, this.#keys);
    this.#parkingReplies = new ParkingReplies(this.#replies, () => this.#bodies, this.#keys);
    this.#published = new EventBatch(
      this.#commands,
      this.#keys,
      this.#parkAboveBytes,
      (pattern) => this.#onUnheard(pattern),
      options.budget,
    );
    this.#subscriptions = new Subscriptions(this.#commands, this.#keys);
  }

  /** The command connection's ioredis client. */
  get client(): Redis {
    return this.#commands.client;
  }

  async connect(): Promise<void> {
    await this.#commands.ready(this.options.connectTimeoutMs);
    if (!this.#clock.isSet) await this.#readClock();
    await this.#settings.check();
  }

  /** For a call that waits for the connection with its message. */
  async #connectForCall(element: Element): Promise<void> {
    this.#unsent += 1;
    try {
      await this.connect();
    } catch (error) {
      this.options.budget.give(element.length);
      throw error;
    } finally {
      this.#unsent -= 1;
    }
  }

  push(
    queue: string,
    messageId: string,
    element: Element,
    terms?: PushTerms,
  ): Promise<'added' | 'duplicate'> {
    const full = this.options.budget.take(element.length);
    if (full !== undefined) return Promise.reject(full);
    const pushes = this.#pushes.get(queue);
    const isUsual = pushes !== undefined && this.#commands.isReady && this.#listed.has(queue);
    return isUsual
      ? pushes.push(messageId, element, terms)
      : this.#pushToNew(queue, messageId, element, terms);
  }

  get #parkAboveBytes(): number {
    const { parkAboveBytes } = this.options;
    return parkAboveBytes === false ? Infinity : parkAboveBytes;
  }

  async #pushToNew(
    queue: string,
    messageId: string,
    element: Element,
    terms: PushTerms | undefined,
  ): Promise<'added' | 'duplicate'> {
    if (!this.#commands.isReady) await this.#connectForCall(element);
    const pushes = this.#pushesOf(queue, element);
    const held = await pushes.push(messageId, element, terms);
    if (!this.#listed.has(queue)) await this.#listed.add(queue);
    return held;
  }

  #pushesOf(queue: string, element: Element): PushBatch {
    const known = this.#pushes.get(queue);
    if (known !== undefined) return known;
    const { budget, connectTimeoutMs } = this.options;
    try {
      const keys = this.#keys.queue(queue);
      const connections = {
        commands: this.#commands,
        bodies: () => this.#bodies,
        connectTimeoutMs,
      };
      const pushes = new PushBatch(connections, keys, this.#parkAboveBytes, budget);
      if (this.#pushes.size >= MOST_KNOWN_QUEUES) this.#forgetPushes();
      this.#pushes.set(queue, pushes);
      return pushes;
    } catch (error) {
      budget.give(element.length); // the name cannot be one
      throw error;
    }
  }

  /** But for those under way, behind which others may wait. */
  #forgetPushes(): void {
    for (const [queue, { isBusy }] of this.#pushes) if (!isBusy) this.#pushes.delete(queue);
  }

  async isServed(queue: string): Promise<boolean> {
    await this.connect();
    const state = await this.#commands.run('look up a queue', (client) =>
      client.hget(this.#keys.queues, queue),
    );
    return state === 'served';
  }

  async servedAs(name: string): Promise<ServedAs> {
    const isQueue = await this.isServed(name);
    const fields = await this.#commands.run('look up a pattern', (client) =>
      client.hgetall(this.#keys.groups),
    );
    const index = new EventIndex(new Map(Object.entries(fields)));
    return { isQueue, isHeard: index.isHeard(name), groupQueues: index.routeOf(name).queues };
  }

  async stranded(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    await this.connect();
    const look = <T>(ask: (client: Redis, keys: QueueKeys) => Promise<T>, of: readonly string[]) =>
      this.#commands.run('look into queues', (client) =>
        Promise.all(of.map((name) => ask(client, this.#keys.queue(name)))),
      );
    const lengths = await look((client, { waiting }) => client.llen(waiting), names);
    const filled = names.filter((_, index) => (lengths[index] ?? 0) > 0);
    const isServed = await look((client, { consumers }) => client.exists(consumers), filled);
    const idle = filled.filter((_, index) => isServed[index] === 0);
    return new Map(idle.map((name) => [name, lengths[names.indexOf(name)] ?? 0]));
  }

  #onUnheard(pattern: string): void {
    if (this.#unheard.has(pattern) || this.#unheard.size >= MOST_UNHEARD) return;
    this.#unheard.add(pattern);
    this.events.unserved('emit', pattern);
  }

  publish(
    pattern: string,
    messageId: string,
    element: Element,
    terms?: PublishTerms,
  ): Promise<Published> {
    const full = this.options.budget.take(element.length);
    if (full !== undefined) return Promise.reject(full);
    const deduplicateMs = terms?.deduplicateMs;
    if (this.#commands.isReady)
      return this.#published.add(pattern, messageId, element, deduplicateMs);
    return this.#connectForCall(element).then(() =>
      this.#published.add(pattern, messageId, element, deduplicateMs),
    );
  }

  async declare(declaration: EventDeclaration): Promise<void> {
    await this.connect();
    await this.#subscriptions.declare(declaration);
  }

  subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery?: RecoveryTerms,
  ): Promise<void> {
    return this.#home.runInAsyncScope(this.#subscribe, this, patterns, onEvent, recovery);
  }

  async #subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery?: RecoveryTerms,
  ): Promise<void> {
    const plain = patterns.filter((pattern) => recovery?.withinMs.has(pattern) !== true);
    const listeners = plain.map((pattern): [string, (element: Buffer) => void] => [
      this.#keys.event(pattern),
      (element) => onEvent(pattern, element),
    ]);
    this.#recovered = recovery && this.#recoveredEvents(recovery, onEvent);
    await this.#recovered?.assertKept();
    await this.#listen(new Map([...listeners, ...(this.#recovered?.listeners ?? [])]));
    // Listeners that recover hear the channel of their history, so nobody needs to publish to their wildcards.
    const recovering = patterns.filter(
      (pattern) => !plain.includes(pattern) && !isWildcard(pattern),
    );
    await this.#subscriptions.listenTo([...plain, ...recovering]);
    await this.#recovered?.start();
  }

  #recoveredEvents(
    recovery: RecoveryTerms,
    onEvent: (pattern: string, element: Buffer) => void,
  ): RecoveredEvents {
    const nowMs = (): number => this.nowMs();
    const context = { connection: this.#commands, keys: this.#keys, nowMs, onError: this.#onError };
    return new RecoveredEvents(context, recovery, onEvent);
  }

  reply(list: string, element: Element, request: number): Promise<unknown> {
    return this.#parkingReplies.add(list, element, request, false);
  }

  async replyAndGoOn(list: string, element: Element, request: number): Promise<StreamState> {
    const { refused, isUnread } = await this.#parkingReplies.add(list, element, request, true);
    if (refused.includes(request)) return 'refused';
    return isUnread ? 'unread' : 'wanted';
  }

  repliesWritten(list: string, request: number): Promise<unknown> | undefined {
    return this.#parkingReplies.written(list, request);
  }

  async refuseReplies(requests: readonly number[]): Promise<void> {
    const refused = this.#keys.refusedOf(this.#keys.replies(this.#name));
    for (let from = 0; from < requests.length; from += MOST_AT_ONCE) {
      const some = requests.slice(from, from + MOST_AT_ONCE);
      await refuseReplies.run(this.#commands, { refused }, { keepMs: KEEP_MS }, some);
    }
  }

  isReplyList(list: string): boolean {
    return this.#keys.isReplies(list);
  }

  receiveReplies(onReply: (element: Buffer) => void): Promise<string> {
    return this.#home.runInAsyncScope(this.#receiveReplies, this, onReply);
  }

  async #receiveReplies(onReply: (element: Buffer) => void): Promise<string> {
    const connection = this.#connection('replies', INBOX_WAIT_MS + BLOCKING_GRACE_MS);
    const list = this.#keys.replies(this.#name);
    const parked = new ParkedReplies({
      bodies: () => this.#bodies,
      keyOf: (name) => this.#keys.parkedReply(list, name),
      onReply,
      onError: this.#onError,
      stopped: this.#closing.signal,
    });
    const deliver = (element: Buffer): void => parked.deliver(element);
    const inbox = new ReplyInbox(connection, list, deliver, this.#onError);
    this.#inbox = inbox;
    try {
      await connection.ready(this.options.connectTimeoutMs);
    } catch (error) {
      await inbox.stop();
      throw error;
    }
    inbox.start();
    return list;
  }

  join(queue: string, terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease> {
    return this.#home.runInAsyncScope(this.#join, this, queue, terms, onWake);
  }

  async #join(queue: string, terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease> {
    const keys = this.#keys.queue(queue);
    await this.connect();
    this.#onWake.set(queue, () => onWake('look'));
    const listener = (news: Buffer): void => onWake(readNews(news.toString('latin1')));
    await this.#listen(new Map([keys.wake, keys.wakeOf(this.#name)].map((key) => [key, listener])));
    await register.run(this.#commands, { queues: this.#keys.queues }, { queue, state: 'served' });
    await this.#subscriptions.join(queue, terms.subscription);
    const blocking = await this.#waiting(terms.waitMs + BLOCKING_GRACE_MS);
    this.#joined += 1;
    const consumer = `${this.#name}-${this.#joined}`;
    let mayMeetLarge: boolean;
    try {
      mayMeetLarge = await mayHoldLarge(this.#commands, keys.waiting, 1);
      this.#clock.set(await join.run(this.#commands, keys, { consumer, leaseMs: terms.leaseMs }));
    } catch (error) {
      blocking.close();
      throw error;
    }
    return new RedisLease(consumer, terms, {
      commands: this.#commands,
      blocking,
      closeBlocking: () => blocking.close(),
      bodies: () => this.#bodies,
      keys,
      large: new LargeElements(() => this.#bodies, keys, this.#newId),
      mayMeetLarge,
      newId: this.#newId,
      flushReplies: () => this.#replies.flush(),
      onRedisTime: (nowMs) => this.#clock.set(nowMs),
      onRefusal: (refusal) => {
        if (refusal === undefined) return void this.#refusals.delete(consumer);
        const since = this.#refusals.get(consumer)?.since ?? performance.now();
        const failure = `The consumer of "${queue}": ${refusal}`;
        this.#refusals.set(consumer, { failure, since });
      },
    });
  }

  /** A consumer that cannot wait would get messages late or never, so it does not start. */
  async #waiting(deadlineMs: number): Promise<Connection> {
    const waiting = this.#connection('wait', deadlineMs);
    try {
      await waiting.ready(this.options.connectTimeoutMs);
      return waiting;
    } catch (error) {
      waiting.close();
      throw error;
    }
  }

  async noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined> {
    await this.connect();
    const keys = this.#keys.queue(queue);
    return noteTerms.run(
      this.#commands,
      keys,
      { process: this.#name },
      Object.entries(terms).flat(),
    );
  }

  feed(queue: string, source: ListSource): Promise<Feed> {
    return this.#home.runInAsyncScope(this.#feed, this, queue, source);
  }

  async #feed(queue: string, source: ListSource): Promise<Feed> {
    const feeder = new ListFeeder(
      this.#connection('feed', FEED_WAIT_MS + BLOCKING_GRACE_MS),
      { ...source, key: this.#keys.foreign(source.key) },
      this.#keys.queue(queue),
      this.#newId,
      this.#onError,
    );
    this.#feeders.push(feeder);
    await feeder.start(this.options.connectTimeoutMs);
    return feeder;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** The health of all connections, without asking Redis. */
  health(): RedisQueueHealth {
    const connections = [...this.#connections].map((connection) => connection.health);
    const now = performance.now();
    const refusals = [...this.#refusals.values()].map(({ failure, since }) => ({
      failure,
      failingForMs: now - since,
      sinceRoundTripMs: undefined,
    }));
    return healthOf([...connections, ...refusals]);
  }

  async close(withinMs = CLOSE_WITHIN_MS): Promise<void> {
    await drained(() => this.#isBusy, withinMs);
    this.#isClosed = true;
    this.#closing.abort();
    this.#recovered?.stop();
    this.#subscriptions.stop();
    const feeders = this.#feeders.map((feeder) => feeder.stop());
    await Promise.all([this.#inbox?.stop(), this.#channel?.stop(), ...feeders]);
    for (const connection of this.#connections) connection.close();
  }

  get #isBusy(): boolean {
    return (
      this.#unsent > 0 ||
      this.#replies.isWaiting ||
      this.#commands.isBusy ||
      this.#parkingReplies.isBusy ||
      [...this.#pushes.values()].some((pushes) => pushes.isBusy)
    );
  }

  async #listen(listeners: ReadonlyMap<string, (element: Buffer) => void>): Promise<void> {
    this.#channel ??= new EventChannel(
      this.#connection('events', COMMAND_DEADLINE_MS),
      this.#onError,
      () => this.#onInterrupted(),
    );
    await this.#channel.listen(listeners, this.options.connectTimeoutMs);
  }

  /**
   * For parked bodies: commands, replies and renewals must not wait behind slow ones. Opened by its first use.
   */
  get #bodies(): Connection {
    return (this.#openBodies ??= this.#connection('bodies', COMMAND_DEADLINE_MS));
  }

  #connection(
    role: string,
    deadlineMs: number,
    onStatus?: (status: ConnectionStatus) => void,
  ): Connection {
    const name = `rq-${role}-${this.#name}`;
    const connection = new Connection(this.options.connection, name, deadlineMs, {
      ...(onStatus === undefined ? {} : { status: onStatus }),
      error: this.#onError,
      closed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    // Nobody would close what is opened after `close()`.
    if (this.#isClosed) connection.close();
    return connection;
  }

  readonly #newId = (): string => `${this.#name}-${(this.#ids += 1)}`;

  readonly #onError = (error: unknown): void => this.events.error(error);

  #onInterrupted(): void {
    this.#interruptions += 1;
    this.events.interrupted(this.#interruptions);
    void this.#subscriptions.listenAgain(this.#onError);
    this.#recovered?.catchUp();
    for (const onWake of this.#onWake.values()) onWake();
  }

  #onStatus(status: ConnectionStatus): void {
    this.events.status(status);
    // After a failover, another Redis with another clock may reply.
    if (status === 'connected') this.#readClock().catch(this.#onError);
  }

  /** Not without a connection: when it is restored, the clock is read anyway. */
  #readClockAgain(): void {
    if (this.#commands.isReady) this.#readClock().catch(this.#onError);
  }

  async #readClock(): Promise<void> {
    const [seconds, microseconds] = await this.#commands.run('read the time', (client) =>
      client.time(),
    );
    this.#clock.set(Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000));
  }
}

/** Anything else that other programs publish there means: look. */
function readNews(news: string): WakeNews {
  if (news === PAUSED) return 'paused';
  const dueMs = news.startsWith(`${DUE} `) ? Number(news.slice(DUE.length)) : NaN;
  return Number.isSafeInteger(dueMs) ? dueMs : 'look';
}
