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
  QueueLength,
  QueueTerms,
  RecoveryTerms,
  ServedAs,
  StreamState,
  WakeNews,
} from '../../core/broker/broker.js';
import type { BrokerEvents, BrokerStatus } from '../../core/source/broker-source.js';
import type { Lease, LeaseTerms } from '../../core/broker/lease.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { CLOSE_WITHIN_MS } from '../../core/broker/broker.js';
import { LiveEvents } from '../../core/subscriptions/live-events.js';
import type { LiveListeners } from '../../core/subscriptions/live-events.js';
import { Subscriptions } from '../../core/subscriptions/subscriptions.js';
import { RedisClock } from '../../core/process/clock.js';
import type { Element } from '../../core/message/envelope.js';
import { drained } from '../../core/process/drained.js';
import { healthOf } from '../../core/broker/health.js';
import type { RedisQueueHealth } from '../../core/broker/health.js';
import { homeContext } from '../../core/process/own-context.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Connection } from '../connection/connection.js';
import { openConnections } from '../cluster/open.js';
import type { Connections } from '../connection/connections.js';
import { processName } from '../connection/process-name.js';
import { readTime } from '../connection/read-time.js';
import { Emitting } from '../events/emitting.js';
import { EventChannel } from '../events/event-channel.js';
import { RedisIndex } from '../subscriptions/redis-index.js';
import { FEED_WAIT_MS, ListFeeder } from '../feeding/list-feeder.js';
import { readTold } from '../history/read-history.script.js';
import { RedisHistories } from '../history/redis-histories.js';
import { Keys } from '../keys/keys.js';
import { readLength } from '../queue/length.script.js';
import { QueuePushes } from '../queue/queue-pushes.js';
import { Replicas } from '../queue/replicas.js';
import { OwnReplies } from '../replies/own-replies.js';
import { ParkingReplies } from '../replies/parking-replies.js';
import { ReplyBatch } from '../replies/reply-batch.js';
import type { RedisBrokerOptions } from './broker-options.js';
import { BLOCKING_CONNECTIONS } from '../waiting/wait-pool.js';
import { Consumers } from './consumers.js';
import { ServedNames } from './served-names.js';
import { SettingsCheck } from './settings-check.js';

/** An unlimited number of patterns must not fill the memory. */
const MOST_UNHEARD = 1_000;

/** The broker on Redis: one connection for commands, one for large bodies, one for each thing that blocks. */
export class RedisBroker implements Broker {
  readonly #keys: Keys;
  readonly #home = homeContext();
  readonly #clock = new RedisClock(nodeRuntime, () => this.#readClockAgain());
  /** Names this process in Redis: consumers, reply list, connections. */
  readonly #name = processName();
  readonly #connections: Connections;
  readonly #commands: Connection;
  readonly #settings: SettingsCheck;
  readonly #pushes: QueuePushes;
  readonly #replicas: Replicas | undefined;
  readonly #served: ServedNames;
  readonly #published: Emitting;
  readonly #live: LiveEvents;
  readonly #subscriptions: Subscriptions;
  readonly #replies: ReplyBatch;
  readonly #parkingReplies: ParkingReplies;
  readonly #ownReplies: OwnReplies;
  readonly #consumers: Consumers;
  readonly #feeders: ListFeeder[] = [];
  /** Patterns of events that reached nobody. */
  readonly #unheard = new Set<string>();
  #channel: EventChannel | undefined;
  #interruptions = 0;
  /** Calls that wait for the connection. */
  #unsent = 0;
  #ids = 0;

  constructor(
    private readonly options: RedisBrokerOptions,
    private readonly events: BrokerEvents,
  ) {
    const { budget, connectTimeoutMs, onEviction } = options;
    const parkAboveBytes = options.parkAboveBytes === false ? Infinity : options.parkAboveBytes;
    const onError = this.#onError;
    const terms = { patienceMs: connectTimeoutMs };
    this.#connections = openConnections(options.connection, this.#name, onError, terms);
    const commands = this.#connections.open('commands', (status) => this.#onStatus(status));
    const bodies = (): Connection => this.#connections.bodies;
    this.#commands = commands;
    const keys = new Keys(options.prefix, commands.database);
    this.#keys = keys;
    const isCluster = options.connection.cluster !== undefined;
    const warn = (text: string): void => events.warning(text);
    this.#settings = new SettingsCheck(commands, onEviction, warn, isCluster);
    const { waitForReplicas } = options;
    this.#replicas = waitForReplicas && new Replicas(waitForReplicas);
    const ways = { commands, bodies, connectTimeoutMs, replicas: this.#replicas };
    this.#pushes = new QueuePushes(ways, keys, parkAboveBytes, budget, {
      unserved: (queue) => events.unserved('enqueue', queue),
      error: onError,
    });
    this.#served = new ServedNames(commands, keys);
    this.#published = new Emitting(
      ways,
      keys,
      parkAboveBytes,
      (pattern) => this.#onUnheard(pattern),
      budget,
      isCluster,
    );
    this.#subscriptions = new Subscriptions(new RedisIndex(commands, keys, isCluster), nodeRuntime);
    this.#live = new LiveEvents(
      {
        kept: new RedisHistories(commands, keys, () => this.nowMs()),
        runtime: nodeRuntime,
        onError,
      },
      this.#subscriptions,
      (listeners) => this.#listen(channelsOf(listeners, keys)),
    );
    this.#replies = new ReplyBatch(commands, keys);
    this.#parkingReplies = new ParkingReplies(this.#replies, bodies, keys);
    this.#ownReplies = new OwnReplies(this.#connections, commands, keys, this.#name, onError);
    this.#consumers = new Consumers({
      connections: this.#connections,
      commands,
      keys,
      process: this.#name,
      connectTimeoutMs,
      connect: () => this.connect(),
      clock: this.#clock,
      replies: this.#replies,
      subscriptions: this.#subscriptions,
      newId: this.#newId,
      listen: this.#listen,
      listenerId: () => this.#listenerId(),
      onError,
      warn,
      blockingConnections: options.blockingConnections ?? BLOCKING_CONNECTIONS,
    });
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

  /** For a call that waits, with its message, for the connection. */
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
    const usual = this.#commands.isReady ? this.#pushes.ofListed(queue) : undefined;
    return usual === undefined
      ? this.#pushToNew(queue, messageId, element, terms)
      : usual.push(messageId, element, terms);
  }

  async #pushToNew(
    queue: string,
    messageId: string,
    element: Element,
    terms: PushTerms | undefined,
  ): Promise<'added' | 'duplicate'> {
    if (!this.#commands.isReady) await this.#connectForCall(element);
    return this.#pushes.push(queue, messageId, element, terms);
  }

  async length(queue: string): Promise<QueueLength> {
    await this.connect();
    return readLength.run(this.#commands, this.#keys.queue(queue), {});
  }

  async isServed(queue: string): Promise<boolean> {
    await this.connect();
    return this.#served.isServed(queue);
  }

  async servedAs(name: string): Promise<ServedAs> {
    await this.connect();
    return this.#served.servedAs(name);
  }

  async stranded(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    await this.connect();
    return this.#served.stranded(names);
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

  #onUnheard(pattern: string): void {
    // The node of the pattern knows nothing of those who listen at other nodes.
    if (this.#commands.isCluster) return;
    if (this.#unheard.has(pattern) || this.#unheard.size >= MOST_UNHEARD) return;
    this.#unheard.add(pattern);
    this.events.unserved('emit', pattern);
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
    return this.#home.runInAsyncScope(() => this.#live.subscribe(patterns, onEvent, recovery));
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

  refuseReplies(requests: readonly number[]): Promise<void> {
    return this.#ownReplies.refuse(requests);
  }

  isReplyList(list: string): boolean {
    return this.#keys.isReplies(list);
  }

  receiveReplies(onReply: (element: Buffer) => void): Promise<string> {
    return this.#home.runInAsyncScope(() =>
      this.#ownReplies.receive(onReply, this.options.connectTimeoutMs),
    );
  }

  join(queue: string, terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease> {
    return this.#home.runInAsyncScope(() => this.#consumers.join(queue, terms, onWake));
  }

  noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined> {
    return this.#consumers.noteTerms(queue, terms);
  }

  feed(queue: string, source: ListSource): Promise<Feed> {
    return this.#home.runInAsyncScope(this.#feed, this, queue, source);
  }

  async #feed(queue: string, source: ListSource): Promise<Feed> {
    const keys = this.#keys.queue(queue);
    const list = this.#keys.foreign(source.key);
    assertTogether(this.#commands, list, queue, keys.waiting);
    const connection = this.#connections.openBlocking('feed', keys.waiting, FEED_WAIT_MS);
    const feeder = new ListFeeder(
      connection,
      () => this.#connections.lead(connection, keys.waiting),
      { ...source, key: list },
      keys,
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
    return healthOf([...this.#connections.health, ...this.#consumers.health]);
  }

  async close(withinMs = CLOSE_WITHIN_MS): Promise<void> {
    await drained(() => this.#isBusy, withinMs, nodeRuntime);
    this.#connections.openNoMore();
    this.#live.stop();
    this.#consumers.stop();
    const feeders = this.#feeders.map((feeder) => feeder.stop());
    await Promise.all([this.#ownReplies.stop(), this.#channel?.stop(), ...feeders]);
    this.#connections.close();
  }

  get #isBusy(): boolean {
    return (
      this.#unsent > 0 ||
      this.#replies.isWaiting ||
      this.#commands.isBusy ||
      this.#parkingReplies.isBusy ||
      this.#pushes.isBusy ||
      this.#replicas?.areAwaited === true ||
      this.#published.isBusy
    );
  }

  readonly #listen = async (
    listeners: ReadonlyMap<string, (element: Buffer) => void>,
  ): Promise<void> => {
    this.#channel ??= new EventChannel(
      this.#connections.openListener('events', this.#keys.groups),
      this.#onError,
      () => this.#onInterrupted(),
      'channels',
      () => this.#live.cutOff(),
    );
    await this.#channel.listen(listeners, this.options.connectTimeoutMs);
  };

  async #listenerId(): Promise<number | undefined> {
    return this.#channel?.serverId();
  }

  readonly #newId = (): string => `${this.#name}-${(this.#ids += 1)}`;

  readonly #onError = (error: unknown): void => this.events.error(error);

  #onInterrupted(): void {
    this.#interruptions += 1;
    this.events.interrupted(this.#interruptions);
    this.#live.interrupted();
    this.#consumers.wakeAll();
  }

  #onStatus(status: BrokerStatus): void {
    this.events.status(status);
    if (status !== 'connected') return;
    // After a failover, another Redis with another clock may reply.
    this.#readClock().catch(this.#onError);
    this.#pushes.listAgain();
    this.#consumers.recordAgain();
  }

  /** Without a connection, it does nothing: once that is restored, the clock is read anyway. */
  #readClockAgain(): void {
    if (this.#commands.isReady) this.#readClock().catch(this.#onError);
  }

  async #readClock(): Promise<void> {
    this.#clock.set(Math.floor(await readTime(this.#commands)));
  }
}

/** @throws InvalidOptionError in a cluster, if no command can have both keys */
function assertTogether(commands: Connection, list: string, queue: string, waiting: string): void {
  if (commands.at(list) === commands.at(waiting)) return;
  throw new InvalidOptionError(
    'feedFrom.list',
    `feedFrom.list must be in the slot of its queue in a Redis Cluster, got "${list}": give it the queue's hash tag, as in "{${queue}}:in"`,
  );
}

function channelsOf(
  { events, kept }: LiveListeners,
  keys: Keys,
): ReadonlyMap<string, (message: Buffer) => void> {
  const channels = new Map<string, (message: Buffer) => void>();
  for (const [pattern, hear] of events) channels.set(keys.event(pattern), hear);
  for (const [pattern, hear] of kept) {
    channels.set(keys.told(pattern), (message) => {
      const told = readTold(message);
      if (told !== undefined) hear(told);
    });
  }
  return channels;
}
