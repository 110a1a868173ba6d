import type { Broker, Feed } from '../../core/broker/broker.js';
import type { Consumer } from '../../core/consumer/consumer.js';
import { isWildcard } from '../../core/events/event-patterns.js';
import { subscriptionOf } from '../../core/message/queue-name.js';
import type { RedisQueueHealth } from '../../core/broker/health.js';
import { pause } from '../../core/process/pause.js';
import { Places } from '../../core/delivery/places.js';
import type { OpenBroker } from '../../core/source/broker-source.js';
import { counted } from '../log/counted.js';
import { declareAll } from '../options/declarations.js';
import { EventRunner } from '../handlers/event-runner.js';
import { consumersOf } from './handler-consumers.js';
import type { Served } from './served.js';
import { compareTerms } from './served-terms.js';
import { tellServed } from './startup-log.js';

/** A shorter shutdown logs nothing. */
const TELL_WAITING_AFTER_MS = 1_000;

/** What a server opens with `listen()` and closes with `close()`: connections, consumers, and what runs in them. */
export class ServerSession {
  #open: OpenBroker | undefined;
  #consumers: Consumer[] = [];
  /** Settles when every consumer has joined its queue, or has left it because it was stopped meanwhile. */
  #joining: Promise<PromiseSettledResult<void>[]> | undefined;
  /** For lists that other programs fill. */
  #feeds: Feed[] = [];
  #events: EventRunner | undefined;
  /** The places of all handlers; undefined for no limit. */
  readonly #places: Places | undefined;
  #isDraining = false;
  #isPaused = false;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly served: Served,
    private readonly openBroker: () => OpenBroker,
    /** Settles when the session before this one has ended. */
    private readonly before: Promise<void> | undefined,
  ) {
    const { maxConcurrency } = served.options;
    this.#places = maxConcurrency === undefined ? undefined : new Places(maxConcurrency);
  }

  /** The client of the broker's own library, while there is a connection. */
  get native(): unknown {
    return this.#open?.native;
  }

  /** Undefined before there is a connection, and after it was closed. */
  get health(): RedisQueueHealth | undefined {
    const health = this.#open?.health();
    if (health === undefined) return undefined;
    const slowedQueues = this.#consumers.flatMap(({ slowed }) => slowed ?? []);
    const refusedQueues = this.#consumers.flatMap(({ refused }) => refused ?? []);
    const lostLeases = this.#consumers.flatMap(({ lostLease }) => lostLease ?? []);
    return {
      ...health,
      ...(this.#isPaused && { isPaused: true }),
      ...(slowedQueues.length > 0 && { slowedQueues }),
      ...(refusedQueues.length > 0 && { refusedQueues }),
      ...(lostLeases.length > 0 && { lostLeases }),
    };
  }

  /** Call it once. Leaves nothing open if it rejects. */
  async start(): Promise<void> {
    try {
      await this.before;
      this.#assertNotClosing();
      await this.#start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const open = this.openBroker();
    this.#open = open;
    await open.broker.connect();
    this.#assertNotClosing();
    await this.#declare(open.broker);
    this.#assertNotClosing();
    await this.#startConsumers(open.broker);
    this.#assertNotClosing();
    await this.#startFeeds(open.broker);
    this.#assertNotClosing();
    await this.#subscribe(open.broker);
    this.#assertNotClosing();
    await Promise.all([this.#lookAround(open.broker), compareTerms(this.served, open.broker)]);
    this.#assertNotClosing();
    tellServed(this.served, open.place);
  }

  /** Nobody would close what is opened after `close()` has started. */
  #assertNotClosing(): void {
    if (this.#closing !== undefined) throw new Error('The server was closed while it started.');
  }

  async #declare(broker: Broker): Promise<void> {
    await declareAll(broker, this.served.options.declare);
    await this.served.histories.declareAll(broker);
  }

  async #startConsumers(broker: Broker): Promise<void> {
    this.#consumers = consumersOf(this.served, broker, this.#places);
    if (this.#isPaused) this.pause();
    if (this.#isDraining) this.drain();
    this.#joining = Promise.allSettled(this.#consumers.map((consumer) => consumer.start()));
    const joined = await this.#joining;
    const failed = joined.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #startFeeds(broker: Broker): Promise<void> {
    for (const [queue, { options }] of this.served.registry.messages) {
      const { feedFrom } = options;
      if (feedFrom === undefined) continue;
      if (this.#isDraining) return;
      const feed = await broker.feed(queue, { key: feedFrom.list, take: feedFrom.take });
      this.#feeds.push(feed);
      if (this.#isDraining) void feed.stop();
    }
  }

  async #subscribe(broker: Broker): Promise<void> {
    const { events, recovering } = this.served.registry;
    if (events.size === 0) return;
    const runner = this.#eventRunner(broker);
    this.#events = runner;
    const onEvent = (pattern: string, element: Buffer): void => {
      if (!this.#isDraining) runner.run(pattern, element);
    };
    const onMissed = (pattern: string, missed: number): void => this.#onMissed(pattern, missed);
    await broker.subscribe(
      [...events.keys()],
      onEvent,
      recovering.size > 0 ? { withinMs: recovering, onMissed } : undefined,
    );
  }

  /** Warns if other processes use names in a way that does not match what this server serves. */
  async #lookAround(broker: Broker): Promise<void> {
    const { addressing, options, registry } = this.served;
    this.#lookAtGroup();
    if (options.declare !== undefined) await addressing.declared(options.declare, broker);
    const heard = [...registry.events.keys()];
    const durable = [...registry.durable.values()].map(({ pattern }) => pattern);
    const names = new Set([...heard, ...durable]);
    addressing.literal([...registry.messages.keys(), ...names]);
    const ofEventsAlone = [...names].filter(
      (name) => !isWildcard(name) && !registry.messages.has(name),
    );
    if (ofEventsAlone.length > 0) await addressing.stranded(ofEventsAlone, broker);
  }

  #lookAtGroup(): void {
    const { options, registry, logger } = this.served;
    const { group } = options;
    const isOfGroup = (queue: string): boolean => subscriptionOf(queue)?.group === group;
    if (group === undefined || [...registry.durable.keys()].some(isOfGroup)) return;
    logger.warn(
      `The server has the group "${group}", but no handler is in it: all its events are live, heard at most once. For ` +
        'events that must not be missed, use @EventPattern(pattern, { durable: true }). If there are none, leave group out.',
    );
  }

  #eventRunner(broker: Broker): EventRunner {
    const { registry, options, codec, withHooks, logger, observer, runtime } = this.served;
    return new EventRunner(registry.events, codec, withHooks, logger, observer, {
      maxWaiting: options.maxWaitingEvents,
      places: this.#places,
      broker,
      runtime,
    });
  }

  #onMissed(pattern: string, missed: number): void {
    this.served.observer.gap?.({ pattern, missed });
  }

  /** Stops taking messages and events; running handlers go on. */
  drain(): void {
    this.#isDraining = true;
    for (const feed of this.#feeds) void feed.stop();
    for (const consumer of this.#consumers) consumer.drain();
  }

  /** Takes no messages until {@link resume}; running handlers go on. */
  pause(): void {
    this.#isPaused = true;
    for (const consumer of this.#consumers) consumer.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const consumer of this.#consumers) consumer.resume();
  }

  /** Drains, waits for running handlers, hands back the rest. May be called any number of times. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #tellWaiting(): void {
    const running = [
      ...this.#consumers.map(({ queue, running: count }) => ({ name: `"${queue}"`, count })),
      { name: 'live events', count: this.#events?.running ?? 0 },
    ].filter(({ count }) => count > 0);
    const sum = running.reduce((all, { count }) => all + count, 0);
    const { shutdownTimeoutMs } = this.served.options;
    const names = running.map(({ name, count }) => `${name} (${count})`).join(', ');
    const what =
      sum === 0 ? 'Redis to take the last results' : `${counted(sum, 'handler')} to end: ${names}`;
    this.served.logger.log(`Stopping within ${shutdownTimeoutMs} ms; waiting for ${what}.`);
  }

  async #close(): Promise<void> {
    await this.before;
    const open = this.#open;
    if (open === undefined) return;
    const { options, runtime } = this.served;
    const { shutdownTimeoutMs } = options;
    this.drain();
    const notice = setTimeout(() => this.#tellWaiting(), TELL_WAITING_AFTER_MS);
    const closed = new AbortController();
    const deadline = pause(shutdownTimeoutMs, closed.signal, runtime);
    await Promise.all([
      Promise.race([this.#events?.idle(), deadline]),
      ...this.#consumers.map((consumer) => consumer.stop(shutdownTimeoutMs)),
      this.#joining,
    ]);
    closed.abort();
    clearTimeout(notice);
    this.#events?.abandon();
    this.#consumers = [];
    this.#feeds = [];
    this.#open = undefined;
    await open.broker.close();
  }
}
