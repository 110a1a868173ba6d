import { Server } from '@nestjs/microservices';
import type {
  BaseRpcContext,
  CustomTransportStrategy,
  MessageHandler,
} from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { BodyFormat } from '../../core/body/body.js';
import { ServerStartedError } from '../../core/errors/start-errors.js';
import type { RedisQueueHealth } from '../../core/broker/health.js';
import { decodeJsonOrText } from '../../core/body/json.js';
import { SendBudget } from '../../core/requests/send-budget.js';
import { homeContext } from '../../core/process/own-context.js';
import { observersAsOne } from '../../core/lifecycle/observers.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import { MessageIds } from '../../core/message/message-id.js';
import { openBroker } from '../../open-broker.js';
import type { OpenBroker } from '../../core/source/broker-source.js';
import { PrintableLogger } from '../log/printable-logger.js';
import { AddressingLog } from '../log/addressing-log.js';
import { FailureLog } from '../log/failure-log.js';
import { LifecycleLog, observerFailed } from '../log/lifecycle-log.js';
import { HandlerHistories } from './handler-histories.js';
import { HandlerRegistry } from '../handlers/handler-registry.js';
import { resolveEventHandler, resolveMessageHandler } from '../options/handler-options.js';
import type { ResolvedHandler } from '../options/handler-options.js';
import type { RedisQueueServerOptions } from '../options/options.js';
import { resolveServerOptions } from '../options/resolve-options.js';
import type { ResolvedServerOptions } from '../options/resolve-options.js';
import { PacketCodec } from '../packets/packet-codec.js';
import { queueNameOf } from '../packets/pattern.js';
import { rememberFailures } from '../internals/remember-failures.js';
import type { Served } from './served.js';
import { ServerSession } from './server-session.js';
import { StatusEvents } from '../log/status-events.js';
import { isMarked, mark } from '../../core/errors/mark.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { REDIS_QUEUE_TRANSPORT } from '../handlers/transport-id.js';
import type { RedisQueueEvents, RedisQueueStatus } from '../log/status-events.js';

const NOT_LISTENING: RedisQueueHealth = {
  status: 'down',
  sinceRoundTripMs: undefined,
  reason: 'The server is not listening.',
  downForMs: undefined,
};

const SERVER = mark('server');

/**
 * The server side of the transport: `NestFactory.createMicroservice(AppModule, { strategy: new RedisQueueServer() })`.
 * @throws InvalidOptionError from the constructor
 */
export class RedisQueueServer extends Server<RedisQueueEvents> implements CustomTransportStrategy {
  static {
    Object.defineProperty(this.prototype, SERVER, { value: true });
  }

  override readonly transportId = REDIS_QUEUE_TRANSPORT;
  /** Failures of event handlers are logged here, with their pattern. */
  override readonly propagatesEventHandlerErrors = true;
  protected override readonly logger = new PrintableLogger('RedisQueueServer');
  // `private` and not `#`, which would break behind a Proxy (Nest's `instrument.instanceDecorator`).
  private readonly options: ResolvedServerOptions;
  private readonly registry = new HandlerRegistry();
  private readonly histories: HandlerHistories;
  private readonly failures = new FailureLog(this.logger);
  private readonly events = new StatusEvents(this._status$, this.logger);
  private readonly observer: RedisQueueObserver;
  private readonly noStartHook = this.onProcessingStartHook;
  private readonly served: Served;
  /** From `listen()` until `close()`. */
  private isStarted = false;
  private isPaused = false;
  private readonly home = homeContext();
  /** The latest session; it may have ended. */
  private session: ServerSession | undefined;

  constructor(options: RedisQueueServerOptions = {}) {
    super();
    this.options = resolveServerOptions(options);
    const { serializer, deserializer } = this.options;
    const log = new LifecycleLog(this.logger, this.failures);
    this.observer = observersAsOne(
      [log, this.events.observer, ...this.options.observers],
      (event, error) => this.logger.error(observerFailed(event, error)),
    );
    this.histories = new HandlerHistories(this.options.declare);
    const codecWith = (format: BodyFormat): PacketCodec =>
      new PacketCodec(serializer, deserializer, format);
    this.served = {
      options: this.options,
      registry: this.registry,
      histories: this.histories,
      codec: codecWith(new BodyFormat(this.options)),
      codecOfOthers: codecWith(new BodyFormat(this.options, decodeJsonOrText)),
      withHooks: this.withHooks,
      runtime: nodeRuntime,
      ids: new MessageIds(nodeRuntime),
      observer: this.observer,
      addressing: new AddressingLog(this.options.prefix, this.logger),
      logger: this.logger,
    };
    this.initializeSerializer(options);
    this.initializeDeserializer(options);
  }

  /**
   * Called by Nest for each decorated method, before `listen`.
   * @throws InvalidPatternError | InvalidOptionError | ServerStartedError
   */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const name = queueNameOf(pattern, (given) => this.normalizePattern(given));
    if (this.session !== undefined) throw addedTooLate(name);
    const resolved: ResolvedHandler = isEventHandler
      ? resolveEventHandler(extras, this.options, name)
      : { kind: 'message', options: resolveMessageHandler(extras, this.options, name) };
    callback.isEventHandler = isEventHandler;
    callback.extras = extras;
    if (resolved.kind !== 'message') this.histories.add(name, resolved.options.history);
    this.registry.add(name, callback, resolved);
    // Other libraries look handlers up in Nest's map (getHandlers). It has one handler for each pattern, messages
    // first.
    if (!isEventHandler || !this.messageHandlers.has(name))
      this.messageHandlers.set(name, callback);
  }

  override getHandlerByPattern(pattern: string): MessageHandler | null {
    return this.messageHandlers.get(pattern) ?? null;
  }

  /**
   * Called by Nest. Every failure goes to the callback: `ServerStartedError` if the server is already started, which
   * changes nothing. After `close()` it may be called again.
   */
  listen(callback: (error?: unknown) => void): void {
    this.home.runInAsyncScope(() => this.startListening()).then(() => callback(), callback);
  }

  private async startListening(): Promise<void> {
    if (this.isStarted) throw startedAlready();
    rememberFailures();
    this.isStarted = true;
    const before = this.session?.close();
    const session = new ServerSession(this.served, () => this.openBroker(), before);
    this.session = session;
    if (this.isPaused) session.pause();
    try {
      await session.start();
    } catch (error) {
      if (this.session === session) this.isStarted = false;
      throw error;
    }
  }

  private openBroker(): OpenBroker {
    return openBroker(
      // A server neither pushes nor publishes.
      { ...this.options, parkAboveBytes: false, budget: new SendBudget(0, 0) },
      {
        status: (status) => this.onStatus(status),
        warning: (text) => this.logger.warn(text),
        // A server sends nothing.
        unserved: () => undefined,
        interrupted: (times) => this.onInterrupted(times),
        error: (error) => this.observer.callFailed?.({ queue: undefined, error }),
      },
    );
  }

  private onStatus(status: RedisQueueStatus): void {
    if (status === 'connected') this.failures.connected();
    this.events.status(status);
  }

  private onInterrupted(times: number): void {
    // All live events are recovered, so only wake-ups were missed, which consumers make up for.
    if (this.registry.events.size === this.registry.recovering.size) return;
    this.observer.eventsInterrupted?.({ times });
  }

  /**
   * Stops taking messages and events; running handlers go on. `close()` does this too. Call it earlier if providers are
   * destroyed before servers are closed (apps that end by a signal, hybrid apps).
   */
  drain(): void {
    this.session?.drain();
  }

  /**
   * Takes no more messages and durable events, for all handlers of this process, until {@link resume}. Running handlers go
   * on; live events are still heard, since nobody would keep them; other processes take what this one leaves. May be called
   * at any time, also before `listen`. To pause a queue in all processes, use `RedisQueueAdmin.pause`.
   */
  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.session?.pause();
    this.logger.warn('Paused: takes no messages until resume() is called. Running handlers go on.');
  }

  /** Takes messages again after {@link pause}. Queues that `RedisQueueAdmin` has paused stay paused. */
  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.session?.resume();
    this.logger.log('Resumed: takes messages again.');
  }

  /** Called by Nest: drains, waits for running handlers, hands back the rest. May be called any number of times. */
  async close(): Promise<void> {
    this.isStarted = false;
    await this.session?.close();
  }

  /**
   * Whether Redis answers, as far as known without asking: down while a connection is away or a reply is overdue,
   * before `listen`, and after `close`. Also tells which queues are slowed down, for which Redis refuses calls, and
   * which have lost their lease; these alone leave the status up.
   */
  health(): RedisQueueHealth {
    return this.session?.health ?? NOT_LISTENING;
  }

  /** The state of the connection: the current one, and every change. */
  override get status(): Observable<RedisQueueStatus> {
    return super.status as Observable<RedisQueueStatus>; // StatusEvents alone writes to it
  }

  /** Adds a listener for one of the {@link RedisQueueEvents}. May be called before `listen`. */
  on<Event extends keyof RedisQueueEvents>(event: Event, callback: RedisQueueEvents[Event]): void {
    this.events.on(event, callback);
  }

  /** The ioredis client that carries the commands. @throws Error before `listen` */
  unwrap<T>(): T {
    const native = this.session?.native;
    if (native === undefined)
      throw new Error('There is no connection yet: call listen() before unwrap().');
    return native as T; // the caller names the type, as with Nest's own transports
  }

  private readonly withHooks = (
    context: BaseRpcContext,
    work: () => Promise<void>,
  ): Promise<void> => {
    const hasHooks =
      this.onProcessingStartHook !== this.noStartHook || this.onProcessingEndHook !== undefined;
    return hasHooks ? this.betweenHooks(context, work) : work();
  };

  private betweenHooks(context: BaseRpcContext, work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const between = async (): Promise<void> => {
        await work().then(resolve, reject);
        try {
          this.onProcessingEndHook?.(this.transportId, context);
        } catch (error) {
          // The message has ended anyway, and a start hook need not return the promise that this would reject.
          this.logger.error(error);
        }
      };
      // Typed as void, but a start hook may return a promise, which rejects if the hook fails.
      const started: unknown = this.onProcessingStartHook(this.transportId, context, between);
      if (started instanceof Promise) started.catch(reject);
    });
  }
}

function startedAlready(): ServerStartedError {
  return new ServerStartedError(
    'listen() was called on a RedisQueueServer that is already listening or starting. Nothing was changed. ' +
      'startAllMicroservices() and listen() of a microservice both start it: call only one of them, once. ' +
      'To start it again, call close() first.',
  );
}

function addedTooLate(pattern: string): ServerStartedError {
  return new ServerStartedError(
    `A handler of "${pattern}" was added after listen(): it would not be served. Add handlers before listen(). If this ` +
      'RedisQueueServer has served another app, give each app its own: new RedisQueueServer().',
  );
}

/** Whether it is a `RedisQueueServer`, of this or another copy of this package. */
export function isRedisQueueServer(value: unknown): value is RedisQueueServer {
  return isMarked(value, SERVER);
}
