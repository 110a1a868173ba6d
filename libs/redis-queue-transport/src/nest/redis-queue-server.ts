import { Logger } from '@nestjs/common';
import { Server } from '@nestjs/microservices';
import type {
  BaseRpcContext,
  CustomTransportStrategy,
  MessageHandler,
} from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { BodyFormat } from '../core/body.js';
import type { Broker, Feed, SubscriptionTerms } from '../core/broker.js';
import { Consumer } from '../core/consumer.js';
import { DeliveryRunner } from '../core/delivery-runner.js';
import { InvalidOptionError } from '../core/errors.js';
import type { RedisQueueHealth } from '../core/health.js';
import { decodeJsonOrText } from '../core/json.js';
import { MessageIds } from '../core/message-id.js';
import { pause } from '../core/pause.js';
import { openBroker } from '../open-broker.js';
import type { OpenBroker } from '../open-broker.js';
import { BatchRunner } from './batch-runner.js';
import { ConsumerLog } from './consumer-log.js';
import { declareAll } from './declarations.js';
import { resolveEventOptions } from './event-options.js';
import { EventRunner } from './event-runner.js';
import { FailureLog } from './failure-log.js';
import { HandlerHistories } from './handler-histories.js';
import { HandlerRegistry } from './handler-registry.js';
import type { DurableHandler, RegisteredHandler } from './handler-registry.js';
import { MessageRunner } from './message-runner.js';
import { resolveHandlerOptions, resolveServerOptions } from './options.js';
import type {
  RedisQueueServerOptions,
  ResolvedHandlerOptions,
  ResolvedServerOptions,
} from './options.js';
import { PacketCodec } from './packet-codec.js';
import { queueNameOf } from './pattern.js';
import { rememberFailures } from './remember-failures.js';
import { StatusEvents } from './status-events.js';
import type { RedisQueueEvents, RedisQueueStatus } from './status-events.js';

/** For decorators in hybrid apps: `@MessagePattern('x', REDIS_QUEUE_TRANSPORT)` is served by this transport alone. */
export const REDIS_QUEUE_TRANSPORT = Symbol('REDIS_QUEUE_TRANSPORT');

const NOT_LISTENING: RedisQueueHealth = {
  status: 'down',
  sinceRoundTripMs: undefined,
  reason: 'The server does not listen.',
};

/**
 * The server side of the transport: `NestFactory.createMicroservice(AppModule, { strategy: new RedisQueueServer() })`.
 * @throws InvalidOptionError from the constructor
 */
export class RedisQueueServer extends Server<RedisQueueEvents> implements CustomTransportStrategy {
  override readonly transportId = REDIS_QUEUE_TRANSPORT;
  /** Failures of event handlers come back to us, and are logged here with their pattern. */
  override readonly propagatesEventHandlerErrors = true;
  protected override readonly logger = new Logger(RedisQueueServer.name);
  readonly #options: ResolvedServerOptions;
  readonly #registry = new HandlerRegistry();
  readonly #histories: HandlerHistories;
  /** How far back live handlers recover, in ms, by pattern. */
  readonly #recovering = new Map<string, number>();
  readonly #codec: PacketCodec;
  /** For what comes from programs that know nothing of this library: it may be plain text. */
  readonly #codecOfOthers: PacketCodec;
  readonly #failures = new FailureLog(this.logger);
  readonly #ids = new MessageIds();
  readonly #events = new StatusEvents(this._status$, this.logger);
  readonly #noStartHook = this.onProcessingStartHook;
  #open: OpenBroker | undefined;
  #consumers: Consumer[] = [];
  /** Settles when every consumer has joined its queue, or has left it again because it was stopped meanwhile. */
  #starting: Promise<PromiseSettledResult<void>[]> | undefined;
  /** Of lists that others fill. */
  #feeds: Feed[] = [];
  #eventRunner: EventRunner | undefined;
  #isDraining = false;
  #closing: Promise<void> | undefined;

  constructor(options: RedisQueueServerOptions = {}) {
    super();
    this.#options = resolveServerOptions(options);
    const { serializer, deserializer } = this.#options;
    this.#histories = new HandlerHistories(this.#options.declare);
    this.#codec = new PacketCodec(serializer, deserializer, new BodyFormat(this.#options));
    this.#codecOfOthers = new PacketCodec(
      serializer,
      deserializer,
      new BodyFormat(this.#options, decodeJsonOrText),
    );
    this.initializeSerializer(options);
    this.initializeDeserializer(options);
  }

  /** Called by Nest for each decorated method. @throws InvalidPatternError | InvalidOptionError */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const name = queueNameOf(() => this.normalizePattern(pattern as string)); // Nest says MsPattern; users pass anything
    const event = isEventHandler ? resolveEventOptions(extras, this.#options, name) : undefined;
    const { queue } = event ?? resolveHandlerOptions(extras, this.#options, name);
    if (isEventHandler && queue !== undefined) throw onlyForMessages('queue', name);
    if (queue !== undefined) this.#registry.claimList(queue.key, name);
    callback.isEventHandler = isEventHandler;
    callback.extras = extras;
    const registered: RegisteredHandler = { handler: callback, extras };
    if (event?.history !== undefined) this.#histories.add(name, event.history);
    if (event?.recover !== undefined) {
      const withinMs = Math.max(event.recover.withinMs, this.#recovering.get(name) ?? 0);
      this.#recovering.set(name, withinMs);
    }
    if (event?.group !== undefined)
      this.#registry.addDurable({ group: event.group, pattern: name }, registered);
    else if (isEventHandler) this.#registry.addEvent(name, registered);
    else this.#registry.addMessage(name, registered);
    // Others look handlers up in Nest's map (getHandlers): it shows one for each pattern, messages first.
    if (!isEventHandler || !this.messageHandlers.has(name))
      this.messageHandlers.set(name, callback);
  }

  override getHandlerByPattern(pattern: string): MessageHandler | null {
    return this.messageHandlers.get(pattern) ?? null;
  }

  /** Called by Nest. Every failure goes to the callback. */
  listen(callback: (error?: unknown) => void): void {
    this.#listen().then(() => callback(), callback);
  }

  async #listen(): Promise<void> {
    rememberFailures();
    this.#isDraining = false;
    this.#closing = undefined;
    const open = openBroker(
      { ...this.#options, parkAboveBytes: false },
      {
        status: (status) => this.#onStatus(status),
        warning: (text) => this.logger.warn(text),
        interrupted: (times) => this.#onInterrupted(times),
        error: (error) => this.#events.error(error, this.#failures),
      },
    );
    this.#open = open;
    try {
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
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What is opened after `close()` has begun, nobody would close. */
  #assertNotClosing(): void {
    if (this.#closing !== undefined) throw new Error('The server was closed while it started.');
  }

  #onStatus(status: RedisQueueStatus): void {
    if (status === 'connected') this.#failures.connected();
    this.#events.status(status);
  }

  #onInterrupted(times: number): void {
    // Only wake-ups were missed, which consumers make up for, or what is recovered.
    if (this.#registry.events.size === this.#recovering.size) return;
    this.logger.warn(
      `Was cut off from live events and missed those sent meanwhile (${times} times so far).`,
    );
    this.#events.interrupted(times);
  }

  #onMissed(pattern: string, missed: number): void {
    this.logger.warn(`Missed ${missed} live events of "${pattern}" for good.`);
    this.#events.gap(pattern, missed);
  }

  async #declare(broker: Broker): Promise<void> {
    await declareAll(broker, this.#options.declare);
    await this.#histories.declareAll(broker);
  }

  async #startConsumers(broker: Broker): Promise<void> {
    for (const [queue, registered] of this.#registry.messages) {
      this.#consumers.push(this.#consumerOf(broker, queue, registered));
    }
    for (const [queue, handler] of this.#registry.durable) {
      this.#consumers.push(this.#durableConsumerOf(broker, queue, handler));
    }
    if (this.#isDraining) this.drain();
    this.#starting = Promise.allSettled(this.#consumers.map((consumer) => consumer.start()));
    const started = await this.#starting;
    const failed = started.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #consumerOf(broker: Broker, queue: string, { handler, extras }: RegisteredHandler): Consumer {
    const handlerOptions = resolveHandlerOptions(extras, this.#options, queue);
    return this.#consumer(broker, queue, queue, handler, handlerOptions, undefined);
  }

  #durableConsumerOf(
    broker: Broker,
    queue: string,
    { pattern, handler, extras }: DurableHandler,
  ): Consumer {
    const eventOptions = resolveEventOptions(extras, this.#options, pattern);
    const subscription = { from: eventOptions.from };
    return this.#consumer(broker, queue, pattern, handler, eventOptions, subscription);
  }

  #consumer(
    broker: Broker,
    queue: string,
    pattern: string,
    handler: MessageHandler,
    handlerOptions: ResolvedHandlerOptions,
    subscription: SubscriptionTerms | undefined,
  ): Consumer {
    const { deadLetterLimit, deadLetterMaxAgeMs, maxCrashes } = this.#options;
    const { prefetch = 0, leaseMs, once, batch } = handlerOptions;
    const concurrency = handlerOptions.concurrency * (batch?.size ?? 1);
    const deliveries = this.#runnerOf(broker, pattern, handler, handlerOptions);
    const options = {
      queue,
      concurrency,
      prefetch: Math.max(prefetch, concurrency),
      leaseMs,
      deadLetterLimit,
      deadLetterMaxAgeMs,
      maxCrashes,
      onceMs: once?.windowMs,
      subscription,
    };
    const log = new ConsumerLog(queue, this.logger, this.#failures);
    return new Consumer(broker, options, this.#ids, deliveries, log);
  }

  #runnerOf(
    broker: Broker,
    queue: string,
    handler: MessageHandler,
    options: ResolvedHandlerOptions,
  ): DeliveryRunner {
    const { batch, concurrency, timeoutMs, retry } = options;
    const onReplyError = (error: unknown): void => this.logger.error(error);
    const codec = options.queue === undefined ? this.#codec : this.#codecOfOthers;
    const parts = [queue, handler, broker, codec, this.#withHooks, onReplyError] as const;
    if (batch === undefined) return new DeliveryRunner(new MessageRunner(...parts), options);
    const batches = new BatchRunner(...parts, { ...batch, concurrency, timeoutMs });
    // The time is that of the whole batch.
    return new DeliveryRunner(batches, { retry });
  }

  async #startFeeds(broker: Broker): Promise<void> {
    for (const [queue, { extras }] of this.#registry.messages) {
      const { queue: list } = resolveHandlerOptions(extras, this.#options, queue);
      if (list === undefined) continue;
      const from = list.take === 'left' ? 'LEFT' : 'RIGHT';
      if (this.#isDraining) return;
      const feed = await broker.feed(queue, { key: list.key, from });
      this.#feeds.push(feed);
      if (this.#isDraining) void feed.stop();
    }
  }

  async #subscribe(broker: Broker): Promise<void> {
    const events = this.#registry.events;
    const runner = new EventRunner(events, this.#codec, this.#withHooks, this.logger);
    this.#eventRunner = runner;
    if (events.size === 0) return;
    const onEvent = (pattern: string, element: Buffer): void => {
      if (!this.#isDraining) runner.run(pattern, element);
    };
    const withinMs = this.#recovering;
    const onMissed = (pattern: string, missed: number): void => this.#onMissed(pattern, missed);
    await broker.subscribe(
      [...events.keys()],
      onEvent,
      withinMs.size > 0 ? { withinMs, onMissed } : undefined,
    );
  }

  /**
   * Takes no more messages and events; what runs goes on. `close()` does this too: call it earlier where providers are
   * destroyed before servers are closed (apps that end by a signal, hybrid apps).
   */
  drain(): void {
    this.#isDraining = true;
    for (const feed of this.#feeds) void feed.stop();
    for (const consumer of this.#consumers) consumer.drain();
  }

  /** Called by Nest: drains, waits for running handlers, hands back what is left. May be called any number of times. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    const { shutdownTimeoutMs } = this.#options;
    this.drain();
    const closed = new AbortController();
    const deadline = pause(shutdownTimeoutMs, closed.signal);
    await Promise.all([
      Promise.race([this.#eventRunner?.idle(), deadline]),
      ...this.#consumers.map((consumer) => consumer.stop(shutdownTimeoutMs)),
      this.#starting,
    ]);
    closed.abort();
    this.#eventRunner?.abandon();
    this.#consumers = [];
    this.#feeds = [];
    this.#open = undefined;
    await open.broker.close();
  }

  /**
   * Whether Redis answers, as far as is known without asking: down while one of the connections is away or has an
   * answer overdue, before `listen`, and from `close` on.
   */
  health(): RedisQueueHealth {
    return this.#open?.health() ?? NOT_LISTENING;
  }

  /** The state of the connection, from the newest on. */
  override get status(): Observable<RedisQueueStatus> {
    return super.status as Observable<RedisQueueStatus>; // StatusEvents alone writes to it
  }

  /** `connected`, `reconnecting`, `disconnected`, `eventsInterrupted`, `gap`, `error`. May be called before `listen`. */
  on<Event extends keyof RedisQueueEvents>(event: Event, callback: RedisQueueEvents[Event]): void {
    this.#events.on(event, callback);
  }

  /** The ioredis client that carries the commands. @throws Error before `listen` */
  unwrap<T>(): T {
    if (this.#open === undefined)
      throw new Error('There is no connection yet: call listen() before unwrap().');
    return this.#open.native as T; // the caller's word for the type, as with Nest's own transports
  }

  readonly #withHooks = (context: BaseRpcContext, work: () => Promise<void>): Promise<void> => {
    const hasHooks =
      this.onProcessingStartHook !== this.#noStartHook || this.onProcessingEndHook !== undefined;
    return hasHooks ? this.#betweenHooks(context, work) : work();
  };

  #betweenHooks(context: BaseRpcContext, work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const between = async (runEndHook: () => void): Promise<void> => {
        await work().then(resolve, reject);
        try {
          runEndHook();
        } catch (error) {
          // The message is done all the same, and a start hook need not return what would reject with this.
          this.logger.error(error);
        }
      };
      // Typed as void; what the start hook returns is a promise that rejects when the hook fails.
      const started: unknown = this.runWithProcessingHooks(context, between);
      if (started instanceof Promise) started.catch(reject);
    });
  }
}

function onlyForMessages(option: string, pattern: string): InvalidOptionError {
  return new InvalidOptionError(
    option,
    `${option} is for the queues of messages, and the handler of "${pattern}" is one of events: use @MessagePattern`,
  );
}
