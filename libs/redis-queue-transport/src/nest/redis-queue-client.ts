import { Logger } from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import type { ReadPacket, WritePacket } from '@nestjs/microservices';
import { NO_MESSAGE_HANDLER } from '@nestjs/microservices/constants.js';
import { InvalidMessageException } from '@nestjs/microservices/errors/invalid-message.exception.js';
import { AsyncSubject, Observable, throwError } from 'rxjs';
import type { Broker } from '../core/broker.js';
import { encodeElement } from '../core/envelope.js';
import type { Element, OutgoingEnvelope } from '../core/envelope.js';
import {
  InvalidOptionError,
  RedisUnavailableError,
  RequestTimeoutError,
  messageOf,
} from '../core/errors.js';
import { MessageIds } from '../core/message-id.js';
import { decodeReply } from '../core/reply.js';
import type { Reply } from '../core/reply.js';
import { OpenRequests } from '../core/requests.js';
import { openBroker } from '../open-broker.js';
import type { OpenBroker } from '../open-broker.js';
import { FailureLog } from './failure-log.js';
import { inOrder } from './in-order.js';
import { resolveClientOptions } from './options.js';
import type { RedisQueueClientOptions, ResolvedClientOptions } from './options.js';
import { PacketCodec } from './packet-codec.js';
import { queueNameOf } from './pattern.js';
import { RedisQueueRecord } from './redis-queue-record.js';
import type { RedisQueueRecordOptions } from './redis-queue-record.js';
import { StatusEvents } from './status-events.js';
import type { RedisQueueEvents, RedisQueueStatus } from './status-events.js';

/** What `enqueue` answers once Redis holds the message. */
export interface EnqueueResult {
  readonly id: string;
  /** Redis already held, or had handled, a message of this id within its `deduplicate` window: nothing was added. */
  readonly isDuplicate: boolean;
}

/** An open connection with the list that its replies come through. */
interface Session {
  readonly open: OpenBroker;
  readonly broker: Broker;
  replyList: Promise<string> | undefined;
}

type Outgoing = {
  readonly queue: string;
  readonly id: string;
  readonly record: RedisQueueRecord;
  readonly packet: ReadPacket;
};

/**
 * The client side of the transport. `send` and `emit` as with every `ClientProxy`, and `enqueue` for a message that
 * one consumer must handle and nobody waits for.
 * @throws InvalidOptionError from the constructor
 */
export class RedisQueueClient extends ClientProxy<RedisQueueEvents> {
  readonly #logger = new Logger(RedisQueueClient.name);
  readonly #options: ResolvedClientOptions;
  readonly #codec: PacketCodec;
  readonly #ids = new MessageIds();
  readonly #requests = new OpenRequests();
  readonly #failures = new FailureLog(this.#logger);
  readonly #events = new StatusEvents(this._status$);
  #session: Session | undefined;
  #connecting: Promise<void> | undefined;

  constructor(options: RedisQueueClientOptions = {}) {
    super();
    this.#options = resolveClientOptions(options);
    this.#codec = new PacketCodec(this.#options.serializer, this.#options.deserializer);
    this.initializeSerializer(options);
    this.initializeDeserializer(options);
  }

  /** Opens the connection. Called by itself with the first message. @throws RedisUnavailableError | RedisRefusedError */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = undefined;
      throw error;
    });
    return this.#connecting;
  }

  async #connect(): Promise<void> {
    const { broker } = this.#openSession();
    await broker.connect();
    this.#failures.recovered();
  }

  #openSession(): Session {
    if (this.#session !== undefined) return this.#session;
    const open = openBroker(
      { ...this.#options, onEviction: 'ignore' },
      {
        status: (status) => this.#onStatus(status),
        warning: (text) => this.#logger.warn(text),
        // A client listens to no events.
        interrupted: () => undefined,
        error: (error) => this.#events.error(error, this.#failures),
      },
    );
    this.#session = { open, broker: open.broker, replyList: undefined };
    return this.#session;
  }

  /** The session that `connect()` opened for this call; gone when the client was closed in between. */
  #sessionOfCall(): Session {
    if (this.#session !== undefined) return this.#session;
    throw new RedisUnavailableError('Connection closed before the call was sent.');
  }

  #onStatus(status: RedisQueueStatus): void {
    if (status === 'connected') this.#failures.recovered();
    this.#events.status(status);
  }

  /** Fails what still waits for a reply, and closes. A later call opens a new connection. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#connecting = undefined;
    this.#requests.failAll(new Error('Connection closed'));
    await session?.broker.close();
  }

  /** Called by Nest when the app ends. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  /**
   * Puts a message on the list of its pattern; one consumer will handle it. Begins at once, subscribed or not. Answers
   * when Redis holds it; errors with `RedisUnavailableError`, `RedisRefusedError` (not held), `OutcomeUnknownError`
   * (possibly held), or `UnencodableError`.
   */
  enqueue(pattern: unknown, data: unknown): Observable<EnqueueResult> {
    if (isNil(pattern) || isNil(data)) return throwError(() => new InvalidMessageException());
    return this.#hot('enqueue to', pattern, async () => {
      await this.connect();
      const session = this.#sessionOfCall();
      const outgoing = this.#outgoing(this.createPacket(pattern, data));
      const held = await this.#push(session, outgoing, {});
      return { id: outgoing.id, isDuplicate: held === 'duplicate' };
    });
  }

  /**
   * Asks one consumer, and answers with its replies. Cold: each subscription asks anew. Errors with what the handler
   * threw, with `RequestTimeoutError` after `requestTimeoutMs` in any case, or as `enqueue` does.
   */
  override send<
    // The default of Nest's own: whoever names no type gets what they know.
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    TResult = any,
    TInput = unknown,
  >(pattern: unknown, data: TInput): Observable<TResult> {
    if (isNil(pattern) || isNil(data)) return throwError(() => new InvalidMessageException());
    // Nest's own waits for the connection first, outside of the request's deadline.
    return new Observable<TResult>((observer) =>
      this.publish(this.createPacket(pattern, data), this.createObserver(observer)),
    );
  }

  /** Tells an event to every live replica that listens. Begins at once, subscribed or not. At most once. */
  override emit<TResult = unknown, TInput = unknown>(
    pattern: unknown,
    data: TInput,
  ): Observable<TResult> {
    if (isNil(pattern) || isNil(data)) return throwError(() => new InvalidMessageException());
    return this.#hot('emit of', pattern, async () => {
      await this.connect();
      return this.dispatchEvent<TResult>(this.createPacket(pattern, data));
    });
  }

  protected override async dispatchEvent<T = unknown>(packet: ReadPacket): Promise<T> {
    const { broker } = this.#sessionOfCall();
    const outgoing = this.#outgoing(packet);
    refuseOptions(outgoing.record, 'emit', [
      'delayMs',
      'deliverAt',
      'deduplicateMs',
      'expiresInMs',
    ]);
    await broker.publish(outgoing.queue, outgoing.id, this.#element(broker, outgoing, {}));
    return undefined as T; // Nest's own transports answer undefined as well; the type is the caller's
  }

  protected override publish(
    packet: ReadPacket,
    callback: (packet: WritePacket) => void,
  ): () => void {
    let outgoing: Outgoing;
    try {
      outgoing = this.#outgoing(packet);
      refuseOptions(outgoing.record, 'send', ['delayMs', 'deliverAt', 'deduplicateMs']);
    } catch (error) {
      callback({ err: error });
      return () => undefined;
    }
    const { queue, id } = outgoing;
    const { requestTimeoutMs } = this.#options;
    const fail = (error: unknown): void => callback({ err: error });
    const handOn = inOrder(callback, fail);
    const request = this.#requests.open(
      requestTimeoutMs,
      (reply) => handOn(this.#packetOf(reply, id)),
      fail,
      () => new RequestTimeoutError(queue, requestTimeoutMs, id),
    );
    this.#request(outgoing, request, performance.now() + requestTimeoutMs).catch((error: unknown) =>
      this.#requests.fail(request, error),
    );
    return () => this.#requests.forget(request);
  }

  /** Sends a request, unless its caller has given up before it could be sent. */
  async #request(outgoing: Outgoing, request: number, deadline: number): Promise<void> {
    await this.connect();
    if (!this.#requests.isOpen(request)) return;
    const session = this.#sessionOfCall();
    const { broker } = session;
    const isServed = await broker.isServed(outgoing.queue);
    if (!isServed) return this.#requests.fail(request, NO_MESSAGE_HANDLER);
    session.replyList ??= this.#receiveReplies(session);
    const list = await session.replyList;
    if (!this.#requests.isOpen(request)) return;
    // Counted as the caller counts it, and not from when Redis takes the request.
    const expiresAtMs = broker.nowMs() + Math.ceil(deadline - performance.now());
    await this.#push(session, outgoing, { replyTo: { list, request }, expiresAtMs });
  }

  #receiveReplies(session: Session): Promise<string> {
    return session.broker
      .receiveReplies((element) => {
        try {
          this.#requests.deliver(decodeReply(element));
        } catch (error) {
          this.#logger.error(`A reply cannot be read: ${messageOf(error)}`);
        }
      })
      .catch((error: unknown) => {
        session.replyList = undefined;
        throw error;
      });
  }

  #packetOf(
    { body, kind, last }: Reply & { readonly body: Buffer },
    id: string,
  ): WritePacket | Promise<WritePacket> {
    try {
      return this.#codec.decodeReply(body, kind, last, id);
    } catch (error) {
      return { err: error, isDisposed: true };
    }
  }

  #push(
    { broker }: Session,
    outgoing: Outgoing,
    extra: Pick<OutgoingEnvelope, 'replyTo' | 'expiresAtMs'>,
  ): Promise<'held' | 'duplicate'> {
    const { delayMs, deliverAt, deduplicateMs, expiresInMs } = outgoing.record.options;
    const nowMs = broker.nowMs();
    const dueMs = deliverAt?.getTime() ?? (delayMs === undefined ? undefined : nowMs + delayMs);
    const expiresAtMs = earlier(
      extra.expiresAtMs,
      expiresInMs === undefined ? undefined : nowMs + expiresInMs,
    );
    const element = this.#element(broker, outgoing, { ...extra, expiresAtMs });
    return broker.push(outgoing.queue, outgoing.id, element, { dueMs, deduplicateMs });
  }

  #outgoing(packet: ReadPacket): Outgoing {
    const { pattern, data } = packet as { pattern: string; data: unknown };
    const record = data instanceof RedisQueueRecord ? data : new RedisQueueRecord(data, {});
    const queue = queueNameOf(() => this.normalizePattern(pattern));
    return { queue, id: record.options.id ?? this.#ids.next(), record, packet };
  }

  #element(
    broker: Broker,
    outgoing: Outgoing,
    extra: Pick<OutgoingEnvelope, 'replyTo' | 'expiresAtMs'>,
  ): Element {
    const { id, record, packet } = outgoing;
    const body = this.#codec.encodeRequest({ ...packet, data: record.data, id });
    const metadata: unknown = Reflect.get(packet, 'metadata');
    return encodeElement(
      { id, sentAtMs: broker.nowMs(), headers: record.options.headers, metadata, ...extra },
      body,
    );
  }

  /** Runs now, and remembers the end for whoever subscribes, now or later. A failure that nobody sees is logged. */
  #hot<T>(what: string, pattern: unknown, work: () => Promise<T>): Observable<T> {
    const result = new AsyncSubject<T>();
    work().then(
      (value) => {
        result.next(value);
        result.complete();
      },
      (error: unknown) => {
        if (!result.observed) {
          const name = this.#nameForLog(pattern);
          this.#logger.error(`The ${what} ${name} failed and nobody listens: ${messageOf(error)}`);
        }
        result.error(error);
      },
    );
    return result.asObservable();
  }

  #nameForLog(pattern: unknown): string {
    try {
      return `"${queueNameOf(() => this.normalizePattern(pattern as string))}"`; // Nest says MsPattern; users pass anything
    } catch {
      return 'an unusable pattern'; // the failure that is logged says what is wrong with it
    }
  }

  /** The state of the connection, from the newest on. */
  override get status(): Observable<RedisQueueStatus> {
    return super.status as Observable<RedisQueueStatus>; // StatusEvents alone writes to it
  }

  /** `connected`, `reconnecting`, `disconnected`, `error`. May be called before `connect`. */
  override on<Event extends keyof RedisQueueEvents>(
    event: Event,
    callback: RedisQueueEvents[Event],
  ): void {
    this.#events.on(event, callback);
  }

  /** The ioredis client that carries the commands. @throws Error before `connect` */
  override unwrap<T>(): T {
    if (this.#session === undefined)
      throw new Error('There is no connection yet: call connect() before unwrap().');
    return this.#session.open.native as T; // the caller's word for the type, as with Nest's own transports
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** What a verb cannot keep it refuses, rather than dropping it without a word. */
function refuseOptions(
  { options }: RedisQueueRecord,
  verb: string,
  refused: readonly (keyof RedisQueueRecordOptions)[],
): void {
  for (const option of refused) {
    if (options[option] === undefined) continue;
    throw new InvalidOptionError(option, `${verb}() cannot keep ${option}: it is for enqueue()`);
  }
}

function isNil(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}
