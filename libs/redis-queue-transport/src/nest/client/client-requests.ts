import type { LoggerService } from '@nestjs/common';
import type { WritePacket } from '@nestjs/microservices';
import { NoHandlerError, RequestTimeoutError } from '../../core/errors/errors.js';
import { ownContext } from '../../core/process/own-context.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import type { Codec } from '../../core/body/codec.js';
import { rejected } from '../../core/errors/rejected.js';
import { decodeReply } from '../../core/message/reply.js';
import type { ReceivedReply } from '../../core/message/reply.js';
import { OpenRequests } from '../../core/requests/requests.js';
import type { RequestPhase, RequestTimes } from '../../core/requests/requests.js';
import type { Broker } from '../../core/broker/broker.js';
import type { CallWatch } from './call-watch.js';
import { eventHandlersOf } from '../log/addressing-log.js';
import type { ClientSession } from './client-session.js';
import { inOrder } from './in-order.js';
import type { OutgoingMessage } from './outgoing-message.js';
import type { PacketCodec } from '../packets/packet-codec.js';
import { UnreadableReplies } from './unreadable-replies.js';

/** So many queues are remembered; whoever makes up patterns as they go must not fill the memory. */
const MOST_KNOWN_QUEUES = 1_000;

/** A session that reads replies, and their list. */
interface ReadySession {
  readonly session: ClientSession;
  readonly list: string;
}

/** The requests of one client: sends them, and hands their replies to those who asked. */
export class ClientRequests {
  readonly #open = new OpenRequests();
  /** Requests that nobody listens to any more, whose server was told so. */
  readonly #refused = new Set<number>();
  /** Queues that a server has joined, now or ever. */
  readonly #served = new Set<string>();

  readonly #unreadable: UnreadableReplies;

  constructor(
    private readonly codec: PacketCodec,
    private readonly times: RequestTimes,
    private readonly prefix: string,
    private readonly budget: SendBudget,
    private readonly session: () => ClientSession | undefined,
    /** Resolves when the client is connected. */
    private readonly connected: () => Promise<ClientSession>,
    private readonly watch: CallWatch,
    logger: LoggerService,
  ) {
    this.#unreadable = new UnreadableReplies(logger);
  }

  /**
   * Sends the message as a request. Its replies come in order, each as one packet; so does what ends it instead: why it
   * could not be sent, or `RequestTimeoutError`. Answers how to stop listening.
   */
  ask(message: OutgoingMessage, callback: (packet: WritePacket) => void): () => void {
    // What is kept until the reply comes: not the message, which may be large.
    const { id, queue } = message;
    const { codec } = message.options;
    const times = this.#timesOf(message);
    const waitMs = Math.min(times.timeoutMs, times.totalTimeoutMs ?? Infinity);
    const full = this.budget.ofRequests(this.#open.size);
    if (full !== undefined) {
      callback({ err: full });
      return () => undefined;
    }
    const caller = ownContext();
    const tell = this.watch.request(message, (packet) =>
      caller.runInAsyncScope(callback, undefined, packet),
    );
    const fail = (error: unknown): void => tell({ err: error });
    const handOn = inOrder(tell, fail);
    const request = this.#open.open(
      (reply) => handOn(this.#packetOf(reply, id, codec)),
      fail,
      (phase) => tooLate(queue, id, times, phase),
      times,
    );
    const sending =
      this.#sendNow(message, request, waitMs) ?? this.#send(message.detached(), request, waitMs);
    sending.catch((error: unknown) => this.#open.fail(request, error));
    return () => this.#open.forget(request);
  }

  #timesOf({ options }: OutgoingMessage): RequestTimes {
    if (options.timeoutMs === undefined && options.totalTimeoutMs === undefined) return this.times;
    const { timeoutMs = this.times.timeoutMs, totalTimeoutMs = this.times.totalTimeoutMs } =
      options;
    return { timeoutMs, totalTimeoutMs };
  }

  /** Takes an element of the reply list. */
  deliver(element: Buffer, session: ClientSession): void {
    try {
      const reply = decodeReply(element);
      if (!this.#open.deliver(reply) && !reply.last) this.#refuse([reply.request], session);
    } catch (error) {
      this.#unreadable.add(error);
    }
  }

  failAll(error: unknown, session: ClientSession | undefined): void {
    // Nobody reads their values any more.
    if (session !== undefined) this.#refuse(this.#open.streams, session);
    this.#open.failAll(error);
  }

  /** Tells servers that nobody listens to these any more. */
  #refuse(requests: readonly number[], session: ClientSession): void {
    const told = requests.filter((request) => !this.#refused.has(request));
    if (told.length === 0) return;
    if (this.#refused.size > MOST_REFUSED) this.#refused.clear();
    for (const request of told) this.#refused.add(request);
    // It is told again by the next value, if there is one.
    session.broker.refuseReplies(told).catch(() => {
      for (const request of told) this.#refused.delete(request);
    });
  }

  /** Sends a request for which nothing has to be waited for or found out; undefined when something has. */
  #sendNow(
    message: OutgoingMessage,
    request: number,
    waitMs: number,
  ): Promise<unknown> | undefined {
    const session = this.session();
    const list = session?.openReplyList;
    if (session?.isConnected !== true || list === undefined) return undefined;
    const { broker } = session;
    if (!this.#served.has(message.queue)) return undefined;
    const expiresAtMs = broker.nowMs() + waitMs;
    try {
      const terms = { replyTo: { list, request }, expiresAtMs, waitMs };
      return this.watch.sending(message, message.push(session, terms));
    } catch (error) {
      return rejected(error);
    }
  }

  async #send(message: OutgoingMessage, request: number, waitMs: number): Promise<void> {
    const deadline = performance.now() + waitMs;
    const full = this.budget.take(message.bytes);
    if (full !== undefined) throw full;
    let ready: ReadySession | undefined;
    try {
      ready = await this.#readyToSend(message.queue, request);
    } finally {
      this.budget.give(message.bytes); // the broker counts from here on
    }
    if (ready === undefined) return;
    const { session, list } = ready;
    // Counted as the caller counts it, and not from when Redis takes the request.
    const expiresAtMs = session.broker.nowMs() + Math.ceil(deadline - performance.now());
    const terms = { replyTo: { list, request }, expiresAtMs, waitMs };
    await this.watch.sending(message, message.push(session, terms));
  }

  /** Undefined when its caller has given up, or there is nobody to ask. */
  async #readyToSend(queue: string, request: number): Promise<ReadySession | undefined> {
    const session = await this.connected();
    if (!this.#open.isOpen(request)) return undefined;
    const { broker } = session;
    const isServed = await broker.isServed(queue);
    if (!this.#open.isOpen(request)) return undefined;
    if (!isServed) {
      this.#open.fail(request, await this.#noHandler(queue, broker));
      return undefined;
    }
    if (this.#served.size >= MOST_KNOWN_QUEUES) this.#served.clear();
    this.#served.add(queue);
    const list = await session.replyList();
    return this.#open.isOpen(request) ? { session, list } : undefined;
  }

  async #noHandler(pattern: string, broker: Broker): Promise<NoHandlerError> {
    // A user that may not look at groups still learns that there is no handler.
    const servedAs = await broker.servedAs(pattern).catch(() => undefined);
    const handlers = servedAs && eventHandlersOf(servedAs);
    const why =
      handlers === undefined
        ? 'its server has not been started (in a hybrid app by startAllMicroservices()), uses another prefix or Redis, ' +
          'or has no @MessagePattern of this name.'
        : `the name is handled as an event, by ${handlers}. Call emit(), or handle it with @MessagePattern.`;
    return new NoHandlerError(pattern, this.prefix, why);
  }

  #packetOf(
    reply: ReceivedReply,
    id: string,
    codec: Codec | undefined,
  ): WritePacket | Promise<WritePacket> {
    try {
      return this.codec.decodeReply(reply, id, codec);
    } catch (error) {
      return { err: error, isDisposed: true };
    }
  }
}

/** So many are remembered. One that was forgotten is told once more. */
const MOST_REFUSED = 1_000;

function tooLate(
  queue: string,
  id: string,
  { timeoutMs, totalTimeoutMs = timeoutMs }: RequestTimes,
  phase: RequestPhase,
): RequestTimeoutError {
  return new RequestTimeoutError(queue, phase === 'all' ? totalTimeoutMs : timeoutMs, id, phase);
}
