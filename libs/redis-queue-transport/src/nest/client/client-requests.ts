import type { LoggerService } from '@nestjs/common';
import type { WritePacket } from '@nestjs/microservices';
import { NoHandlerError, RequestTimeoutError } from '../../core/errors/request-errors.js';
import { ownContext } from '../../core/process/own-context.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import type { Codec } from '../../core/body/codec.js';
import { rejected } from '../../core/errors/rejected.js';
import { decodeReply } from '../../core/message/reply.js';
import type { ReceivedReply } from '../../core/message/reply.js';
import { OpenRequests } from '../../core/requests/requests.js';
import type { RequestPhase, RequestTimes } from '../../core/requests/requests.js';
import type { Broker } from '../../core/broker/broker.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { CallWatch } from './call-watch.js';
import { eventHandlersOf } from '../log/addressing-log.js';
import type { ClientSession } from './client-session.js';
import { inOrder } from './in-order.js';
import type { OutgoingMessage } from './outgoing-message.js';
import type { PacketCodec } from '../packets/packet-codec.js';
import { UnreadableReplies } from './unreadable-replies.js';

/** How many queues are remembered. An endless number of patterns must not fill the memory. */
const MOST_KNOWN_QUEUES = 1_000;

/** A session that reads replies, and its reply list. */
interface ReadySession {
  readonly session: ClientSession;
  readonly list: string;
}

/** The requests of one client: sends them, and hands replies to their callers. */
export class ClientRequests {
  readonly #open = new OpenRequests(nodeRuntime);
  /** Requests that nobody listens to any more. Their servers have been told. */
  readonly #refused = new Set<number>();
  /** Queues that a server has ever joined. */
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
   * Sends the message as a request. Its replies arrive in order, each as one packet. So does a failure: the reason why
   * it was not sent, or `RequestTimeoutError`. Returns a function that stops listening.
   */
  ask(message: OutgoingMessage, callback: (packet: WritePacket) => void): () => void {
    // What is kept until the reply arrives must not refer to the message, which may be large.
    const { id, queue } = message;
    const { codec } = message.options;
    const times = this.#timesOf(message);
    const waitMs = Math.min(times.timeoutMs, times.totalTimeoutMs ?? Infinity);
    const watch = this.watch.request(message);
    const caller = ownContext();
    const tellCaller = (packet: WritePacket): void =>
      caller.runInAsyncScope(callback, undefined, packet);
    const tell = watch === undefined ? tellCaller : watch.listening(tellCaller);
    const fail = (error: unknown): void => tell({ err: error });
    const full = this.budget.ofRequests(this.#open.size);
    if (full !== undefined) {
      fail(full);
      return () => undefined;
    }
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
    return () => {
      this.#open.forget(request);
      watch?.unsubscribed();
    };
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
    // Nobody reads further values.
    if (session !== undefined) this.#refuse(this.#open.streams, session);
    this.#open.failAll(error);
  }

  /** Tells servers that nobody listens to these requests any more. */
  #refuse(requests: readonly number[], session: ClientSession): void {
    const told = requests.filter((request) => !this.#refused.has(request));
    if (told.length === 0) return;
    if (this.#refused.size > MOST_REFUSED) this.#refused.clear();
    for (const request of told) this.#refused.add(request);
    // The next value, if there is one, tells the server again.
    session.broker.refuseReplies(told).catch(() => {
      for (const request of told) this.#refused.delete(request);
    });
  }

  /** Sends a request at once; undefined if something has to be awaited or found out first. */
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
    // The caller's time runs from its call, not from when Redis accepts the request.
    const expiresAtMs = session.broker.nowMs() + Math.ceil(deadline - performance.now());
    const terms = { replyTo: { list, request }, expiresAtMs, waitMs };
    await this.watch.sending(message, message.push(session, terms));
  }

  /** Undefined if the caller has given up, or if there is no server to ask. */
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
    // A Redis user who may not read the groups still learns that there is no handler.
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

/** How many refused requests are remembered. If one is forgotten, its server is told once more. */
const MOST_REFUSED = 1_000;

function tooLate(
  queue: string,
  id: string,
  { timeoutMs, totalTimeoutMs = timeoutMs }: RequestTimes,
  phase: RequestPhase,
): RequestTimeoutError {
  return new RequestTimeoutError(queue, phase === 'all' ? totalTimeoutMs : timeoutMs, id, phase);
}
