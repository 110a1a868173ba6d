import { ClientProxy } from '@nestjs/microservices';
import type { ReadPacket, WritePacket } from '@nestjs/microservices';
import { InvalidMessageException } from '@nestjs/microservices/errors/invalid-message.exception.js';
import { performance } from 'node:perf_hooks';
import { Observable, throwError } from 'rxjs';
import { BodyFormat } from '../../core/body/body.js';
import type { Broker } from '../../core/broker/broker.js';
import { ClientClosedError } from '../../core/errors/call-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import { healthOf } from '../../core/broker/health.js';
import type { RedisQueueHealth } from '../../core/broker/health.js';
import { observersAsOne } from '../../core/lifecycle/observers.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import { SendBudget } from '../../core/requests/send-budget.js';
import { homeContext } from '../../core/process/own-context.js';
import { rejected } from '../../core/errors/rejected.js';
import { openBroker } from '../../open-broker.js';
import { PrintableLogger } from '../log/printable-logger.js';
import { AddressingLog } from '../log/addressing-log.js';
import type { EmitResult, EnqueueResult, QueueFill } from './call-results.js';
import { CallWatch } from './call-watch.js';
import { ClientRequests } from './client-requests.js';
import { ClientSession } from './client-session.js';
import { declareAll } from '../options/declarations.js';
import { FailureLog } from '../log/failure-log.js';
import { LifecycleLog, observerFailed } from '../log/lifecycle-log.js';
import { hot } from './hot.js';
import type { RedisQueueCall } from './hot.js';
import type { RedisQueueClientOptions } from '../options/options.js';
import { resolveClientOptions } from '../options/resolve-options.js';
import type { ResolvedClientOptions } from '../options/resolve-options.js';
import { settingsGiven, settingsOfAll } from '../packets/message-settings.js';
import type {
  RedisQueueEmitOptions,
  RedisQueueEnqueueOptions,
  RedisQueueSendOptions,
} from '../packets/message-settings.js';
import { createPacket } from '../internals/create-packet.js';
import { outgoingHeaders } from './outgoing-headers.js';
import type { OutgoingHeaders } from './outgoing-headers.js';
import { MessageMaker } from './message-maker.js';
import { OutgoingMessage } from './outgoing-message.js';
import { PacketCodec } from '../packets/packet-codec.js';
import { makeMany, noArray, sendMany } from './send-many.js';
import type { Made } from './send-many.js';
import { StatusEvents } from '../log/status-events.js';
import type { RedisQueueEvents, RedisQueueStatus } from '../log/status-events.js';

/**
 * The client side of the transport: `send` and `emit` as with every `ClientProxy`, and `enqueue` for a message that one
 * consumer must handle and whose result nobody waits for.
 * @throws InvalidOptionError from the constructor
 */
export class RedisQueueClient extends ClientProxy<RedisQueueEvents> {
  // `private` and not `#`, which would break behind a Proxy (Nest's `instrument.instanceDecorator`).
  private readonly logger = new PrintableLogger('RedisQueueClient');
  private readonly options: ResolvedClientOptions;
  private readonly codec: PacketCodec;
  private readonly addressing: AddressingLog;
  private readonly messages: MessageMaker;
  private readonly failures = new FailureLog(this.logger);
  private readonly events = new StatusEvents(this._status$, this.logger);
  private readonly observer: RedisQueueObserver;
  private readonly watch: CallWatch;
  private readonly requests: ClientRequests;
  private readonly budget: SendBudget;
  private readonly headers: OutgoingHeaders | undefined;
  private readonly home = homeContext();
  private session: ClientSession | undefined;
  private closing: Promise<void> = Promise.resolve();
  private isShutDown = false;

  constructor(options: RedisQueueClientOptions = {}) {
    super();
    this.options = resolveClientOptions(options);
    const { serializer, deserializer, requestTimeoutMs, requestTotalTimeoutMs } = this.options;
    this.addressing = new AddressingLog(this.options.prefix, this.logger);
    this.codec = new PacketCodec(serializer, deserializer, new BodyFormat(this.options));
    this.headers = outgoingHeaders(this.options);
    const { maxPendingMessages, maxPendingBytes } = this.options;
    this.budget = new SendBudget(maxPendingMessages, maxPendingBytes);
    const log = new LifecycleLog(this.logger, this.failures);
    this.observer = observersAsOne(
      [log, this.events.observer, ...this.options.observers],
      (event, error) => this.logger.error(observerFailed(event, error)),
    );
    this.watch = new CallWatch(this.observer);
    this.messages = new MessageMaker(this.codec, this.headers, this.watch, (pattern) =>
      this.normalizePattern(pattern),
    );
    this.requests = new ClientRequests(
      this.codec,
      { timeoutMs: requestTimeoutMs, totalTimeoutMs: requestTotalTimeoutMs },
      this.options.prefix,
      this.budget,
      () => this.session,
      () => this.connected(),
      this.watch,
      this.logger,
    );
    this.initializeSerializer(options);
    this.initializeDeserializer(options);
  }

  /**
   * Opens the connection. You need not call it: the first message opens it too.
   * @throws RedisUnavailableError | RedisRefusedError | ClientClosedError
   */
  connect(): Promise<void> {
    try {
      return this.openSession().connect();
    } catch (error) {
      return rejected(error);
    }
  }

  private async connected(): Promise<ClientSession> {
    const session = this.openSession();
    await session.connect();
    return session;
  }

  /** @throws ClientClosedError */
  private openSession(): ClientSession {
    if (this.isShutDown) throw new ClientClosedError();
    return (this.session ??= this.home.runInAsyncScope(() => this.open()));
  }

  /** Calls at once if the client is connected. */
  private sendWhenConnected<T>(message: OutgoingMessage, send: Send<T>): Promise<T> {
    const session = this.session;
    if (session?.isConnected === true) return this.sendOn(session, message, send);
    let sending: Promise<T>;
    try {
      const kept = message.detached();
      sending = this.openSession().whenConnected(kept.bytes, (opened) => send(kept, opened));
    } catch (error) {
      sending = rejected(error);
    }
    return this.watch.sending(message, sending);
  }

  /** Sending can throw: only then is it found that a header is too large, for example. */
  private sendOn<T>(session: ClientSession, message: OutgoingMessage, send: Send<T>): Promise<T> {
    let sending: Promise<T>;
    try {
      sending = send(message, session);
    } catch (error) {
      sending = rejected(error);
    }
    return this.watch.sending(message, sending);
  }

  private open(): ClientSession {
    const open = openBroker(
      { ...this.options, onEviction: 'ignore', budget: this.budget },
      {
        status: (status) => this.onStatus(status),
        warning: (text) => this.logger.warn(text),
        // A client listens to no events.
        interrupted: () => undefined,
        unserved: (call, name) => void this.addressing.unserved(call, name, open.broker),
        error: (error) => this.observer.callFailed?.({ queue: undefined, error }),
      },
    );
    const events = {
      connected: () => this.failures.recovered(),
      reply: (element: Buffer) => this.requests.deliver(element, session),
      opened: (broker: Broker) => this.declare(broker),
    };
    const session = new ClientSession(open, events, this.budget, this.options.sendAgainForMs);
    return session;
  }

  private async declare(broker: Broker): Promise<void> {
    const { declare } = this.options;
    if (declare === undefined) return;
    await declareAll(broker, declare);
    void this.addressing.declared(declare, broker);
  }

  private onStatus(status: RedisQueueStatus): void {
    if (status === 'connected') this.failures.connected();
    this.events.status(status);
  }

  /**
   * Fails requests that wait for a reply, waits up to 5 s for all other running calls, and closes the connection. Calls
   * without a result by then reject with `OutcomeUnknownError`, or with `RedisUnavailableError` if nothing was sent. A
   * later call opens a new connection, unless the app has shut down.
   */
  close(): Promise<void>;
  close(...hook: readonly unknown[]): Promise<void> {
    // Nest's ClientsModule makes this its shutdown hook, which is called with the signal, or undefined for none.
    if (hook.length > 0) this.isShutDown = true;
    if (this.isShutDown) this.headers?.close();
    const session = this.session;
    this.session = undefined;
    this.requests.failAll(new Error('Connection closed'), session);
    if (session !== undefined) this.closing = session.close();
    return this.closing;
  }

  /** Called by Nest when the app ends: closes for good. Every later call fails with `ClientClosedError`. */
  onApplicationShutdown(): Promise<void> {
    this.isShutDown = true;
    return this.close();
  }

  /**
   * Adds a message to the queue of its pattern; one consumer handles it. Starts at once, even if you neither await nor
   * subscribe. Resolves when Redis holds the message. Options override those of a record.
   *
   * Fails with `RedisUnavailableError` or `RedisRefusedError` (not held), `OutcomeUnknownError` (possibly held),
   * `QueueFullError`, `SenderFullError`, `UnencodableError`, `PayloadTooLargeError`, `InvalidPatternError` (wildcards
   * included) or `InvalidOptionError`.
   */
  enqueue(
    pattern: unknown,
    data: unknown,
    options?: RedisQueueEnqueueOptions,
  ): RedisQueueCall<EnqueueResult> {
    if (isNil(pattern) || isNil(data)) {
      return this.refused('enqueue to', pattern, new InvalidMessageException());
    }
    let message: OutgoingMessage;
    let call: Promise<'added' | 'duplicate'>;
    try {
      message = this.messages.make(
        'enqueue',
        createPacket(this, pattern, data),
        settingsGiven(options, 'enqueue'),
      );
      call = this.sendWhenConnected(message, push);
    } catch (error) {
      return this.refused('enqueue to', pattern, error);
    }
    return hot(
      call,
      (pushed) => enqueued(message.id, pushed),
      (error) => this.logUnseen('enqueue to', pattern, error),
    );
  }

  /**
   * Enqueues all of these, data or records, in few round trips and in this order. Starts at once, even if you do not
   * await it. Resolves when Redis holds all of them. Fails with `IncompleteError`, which says which messages failed and
   * why, or like `enqueue` if nothing could be sent at all. The options apply to each message.
   */
  enqueueMany(
    pattern: unknown,
    data: readonly unknown[],
    options?: Omit<RedisQueueEnqueueOptions, 'id'>,
  ): RedisQueueCall<EnqueueResult[]> {
    return this.many(
      'enqueueMany to',
      pattern,
      data,
      (many) => {
        const given = settingsOfAll(options, 'enqueue');
        return (one) =>
          this.messages.make('enqueue', createPacket(this, pattern, one), given, many);
      },
      (message, sending) => message.push(sending).then((pushed) => enqueued(message.id, pushed)),
    );
  }

  /** Emits all of these, as {@link enqueueMany} enqueues them. Resolves with the result of `emit` for each. */
  emitMany<TResult = EmitResult>(
    pattern: unknown,
    data: readonly unknown[],
    options?: Omit<RedisQueueEmitOptions, 'id'>,
  ): RedisQueueCall<TResult[]> {
    return this.many(
      'emitMany of',
      pattern,
      data,
      (many) => {
        const given = settingsOfAll(options, 'emit');
        return (one) => this.messages.make('emit', createPacket(this, pattern, one), given, many);
      },
      publish<TResult>,
    );
  }

  private many<T>(
    what: string,
    pattern: unknown,
    data: readonly unknown[],
    /** Returns the function that makes each message. `many` stands for all of them together. */
    maker: (many: object) => (one: unknown) => OutgoingMessage,
    send: Send<T>,
  ): RedisQueueCall<T[]> {
    if (isNil(pattern) || isNil(data) || (Array.isArray(data) && data.some(isNil)))
      return this.refused(what, pattern, new InvalidMessageException());
    if (!Array.isArray(data)) return this.refused(what, pattern, noArray(data));
    let call: Promise<T[]>;
    try {
      this.messages.queueOf(pattern); // An unusable pattern fails the whole call.
      const make = maker({});
      this.budget.assertRoomFor(data.length);
      call = this.sendAllWhenConnected(makeMany(data, make), send);
    } catch (error) {
      return this.refused(what, pattern, error);
    }
    return hot(call, asItIs, (error) => this.logUnseen(what, pattern, error));
  }

  private sendAllWhenConnected<T>(messages: Made, send: Send<T>): Promise<T[]> {
    const session = this.session;
    if (session?.isConnected === true)
      return sendMany(messages, (message) => this.sendOn(session, message, send));
    return this.sendAllOnceConnected(
      messages.map((message) => message.detached()),
      send,
    );
  }

  private async sendAllOnceConnected<T>(messages: Made, send: Send<T>): Promise<T[]> {
    const beganAt = performance.now();
    const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
    let isTried = false;
    try {
      return await this.openSession().whenConnected(bytes, (opened) => {
        isTried = true;
        return sendMany(messages, (message) => this.sendOn(opened, message, send));
      });
    } catch (error) {
      const made = messages.filter((message) => message instanceof OutgoingMessage);
      if (!isTried) this.watch.notSent(made, error, performance.now() - beganAt);
      throw error;
    }
  }

  /**
   * Sends a request to one consumer and emits its replies. The Observable is cold: each subscription sends a request,
   * and nothing is sent before. To await it, use `await firstValueFrom(…)`.
   *
   * Fails with the handler's error, with `RequestTimeoutError` after `requestTimeoutMs` or `requestTotalTimeoutMs`
   * (for one request: `timeoutMs` and `totalTimeoutMs`), with `NoHandlerError` or `NotHandledError`, or like `enqueue`.
   */
  override send<
    // The default of Nest's own `send`.
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    TResult = any,
    TInput = unknown,
  >(pattern: unknown, data: TInput, options?: RedisQueueSendOptions): Observable<TResult> {
    if (isNil(pattern) || isNil(data)) return throwError(() => new InvalidMessageException());
    // Nest's own `send` waits for the connection first, outside of the request's deadline.
    return new Observable<TResult>((observer) =>
      this.publish(createPacket(this, pattern, data), this.createObserver(observer), options),
    );
  }

  protected override publish(
    packet: ReadPacket,
    callback: (packet: WritePacket) => void,
    options?: RedisQueueSendOptions,
  ): () => void {
    let message: OutgoingMessage;
    try {
      message = this.messages.make('send', packet, settingsGiven(options, 'send'));
    } catch (error) {
      callback({ err: error });
      return () => undefined;
    }
    return this.requests.ask(message, callback);
  }

  /**
   * Sends an event to every live replica that listens, at most once, and gives each group that wants it a copy, which
   * one of its replicas handles at least once. Starts at once, even if you do not await it. Resolves when Redis holds
   * all copies. Fails like `enqueue`, or with `NobodyListensError` if the record is `mandatory()`.
   */
  override emit<TResult = EmitResult, TInput = unknown>(
    pattern: unknown,
    data: TInput,
    options?: RedisQueueEmitOptions,
  ): RedisQueueCall<TResult> {
    if (isNil(pattern) || isNil(data)) {
      return this.refused('emit of', pattern, new InvalidMessageException());
    }
    let call: Promise<TResult>;
    try {
      call = this.dispatchEvent<TResult>(createPacket(this, pattern, data), options);
    } catch (error) {
      return this.refused('emit of', pattern, error);
    }
    return hot(call, asItIs, (error) => this.logUnseen('emit of', pattern, error));
  }

  protected override dispatchEvent<T = EmitResult>(
    packet: ReadPacket,
    options?: RedisQueueEmitOptions,
  ): Promise<T> {
    const message = this.messages.make('emit', packet, settingsGiven(options, 'emit'));
    return this.sendWhenConnected(message, publish<T>);
  }

  /** A call that fails before anything is sent to Redis. Reported like every other failure. */
  private refused(what: string, pattern: unknown, error: unknown): RedisQueueCall<never> {
    return hot(rejected(error), asItIs, (seen) => this.logUnseen(what, pattern, seen));
  }

  private logUnseen(what: string, pattern: unknown, error: unknown): void {
    const name = this.nameForLog(pattern);
    this.logger.error(
      `The ${what} ${name} failed, and nothing handles the failure: ${messageOf(error)}`,
    );
  }

  private nameForLog(pattern: unknown): string {
    try {
      return `"${this.messages.queueOf(pattern)}"`;
    } catch {
      return 'an unusable pattern'; // The logged failure explains it.
    }
  }

  /**
   * How many messages wait in the queue of a pattern, and how many may. Asks Redis once. Messages that consumers hold do
   * not count. A snapshot: others send and take meanwhile.
   * @throws InvalidPatternError | RedisUnavailableError | OutcomeUnknownError | RedisRefusedError | ClientClosedError
   */
  async length(pattern: unknown): Promise<QueueFill> {
    const queue = this.messages.queueOf(pattern);
    const { broker } = await this.connected();
    const { length, maxLength } = await broker.length(queue);
    const isFull = maxLength !== undefined && length >= maxLength;
    return { length, maxLength, isFull, isEmpty: length === 0 };
  }

  /**
   * Whether Redis answers, as far as known without asking. A client that is unused or closed has no connection that
   * could be down: it is up.
   */
  health(): RedisQueueHealth {
    return this.session?.health ?? healthOf([]);
  }

  /** The state of the connection: the current one, and every change. */
  override get status(): Observable<RedisQueueStatus> {
    return super.status as Observable<RedisQueueStatus>; // StatusEvents alone writes to it
  }

  /** Adds a listener, for `connected`, `reconnecting`, `disconnected` or `error`. May be called before `connect`. */
  override on<Event extends keyof RedisQueueEvents>(
    event: Event,
    callback: RedisQueueEvents[Event],
  ): void {
    this.events.on(event, callback);
  }

  /** The ioredis client that carries the commands. @throws Error before `connect` */
  override unwrap<T>(): T {
    if (this.session === undefined)
      throw new Error('There is no connection yet: call connect() before unwrap().');
    return this.session.native as T; // the caller names the type, as with Nest's own transports
  }
}

type Send<T> = (message: OutgoingMessage, session: ClientSession) => Promise<T>;

function push(message: OutgoingMessage, session: ClientSession): Promise<'added' | 'duplicate'> {
  return message.push(session);
}

/** Nest's own transports emit undefined; the caller names the type. */
function publish<T>(message: OutgoingMessage, session: ClientSession): Promise<T> {
  return message.publish(session) as Promise<T>;
}

function enqueued(id: string, pushed: 'added' | 'duplicate'): EnqueueResult {
  return { id, isDuplicate: pushed === 'duplicate' };
}

function asItIs<T>(value: T): T {
  return value;
}

function isNil(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}
