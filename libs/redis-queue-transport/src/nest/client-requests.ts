import type { LoggerService } from '@nestjs/common';
import type { WritePacket } from '@nestjs/microservices';
import { NoHandlerError, RequestTimeoutError, messageOf } from '../core/errors.js';
import { ownContext } from '../core/own-context.js';
import { rejected } from '../core/rejected.js';
import { decodeReply } from '../core/reply.js';
import type { ReceivedReply } from '../core/reply.js';
import { OpenRequests } from '../core/requests.js';
import type { Broker } from '../core/broker.js';
import { eventHandlersOf } from './addressing-log.js';
import type { ClientSession } from './client-session.js';
import { inOrder } from './in-order.js';
import type { OutgoingMessage } from './outgoing-message.js';
import type { PacketCodec } from './packet-codec.js';

/** The requests of one client: sends them, and hands their replies to those who asked. */
export class ClientRequests {
  readonly #open: OpenRequests;
  /** Queues that a server has joined, now or ever. */
  readonly #served = new Set<string>();

  constructor(
    private readonly codec: PacketCodec,
    private readonly timeoutMs: number,
    private readonly prefix: string,
    private readonly session: () => ClientSession | undefined,
    /** Resolves when the client is connected. */
    private readonly connected: () => Promise<ClientSession>,
    private readonly logger: LoggerService,
  ) {
    this.#open = new OpenRequests(timeoutMs);
  }

  /**
   * Sends the message as a request. Its replies come in order, each as one packet; so does what ends it instead: why it
   * could not be sent, or `RequestTimeoutError`. Answers how to stop listening.
   */
  ask(message: OutgoingMessage, callback: (packet: WritePacket) => void): () => void {
    const { timeoutMs } = this;
    const caller = ownContext();
    const tell = (packet: WritePacket): void => caller.runInAsyncScope(callback, undefined, packet);
    const fail = (error: unknown): void => tell({ err: error });
    const handOn = inOrder(tell, fail);
    const request = this.#open.open(
      (reply) => handOn(this.#packetOf(reply, message)),
      fail,
      () => new RequestTimeoutError(message.queue, timeoutMs, message.id),
    );
    const sending =
      this.#sendNow(message, request) ??
      this.#send(message.detached(), request, performance.now() + timeoutMs);
    sending.catch((error: unknown) => this.#open.fail(request, error));
    return () => this.#open.forget(request);
  }

  /** Takes an element of the reply list. */
  deliver(element: Buffer): void {
    try {
      this.#open.deliver(decodeReply(element));
    } catch (error) {
      this.logger.error(`A reply cannot be read: ${messageOf(error)}`);
    }
  }

  failAll(error: unknown): void {
    this.#open.failAll(error);
  }

  /** Sends a request for which nothing has to be waited for or found out; undefined when something has. */
  #sendNow(message: OutgoingMessage, request: number): Promise<unknown> | undefined {
    const session = this.session();
    const list = session?.openReplyList;
    if (session?.isConnected !== true || list === undefined) return undefined;
    const { broker } = session;
    if (!this.#served.has(message.queue)) return undefined;
    const expiresAtMs = broker.nowMs() + this.timeoutMs;
    try {
      return message.push(broker, { replyTo: { list, request }, expiresAtMs });
    } catch (error) {
      return rejected(error);
    }
  }

  /** Sends a request, unless its caller has given up before it could be sent. */
  async #send(message: OutgoingMessage, request: number, deadline: number): Promise<void> {
    const session = await this.connected();
    if (!this.#open.isOpen(request)) return;
    const { broker } = session;
    const isServed = await broker.isServed(message.queue);
    if (!this.#open.isOpen(request)) return;
    if (!isServed) return this.#open.fail(request, await this.#noHandler(message.queue, broker));
    this.#served.add(message.queue);
    const list = await session.replyList();
    if (!this.#open.isOpen(request)) return;
    // Counted as the caller counts it, and not from when Redis takes the request.
    const expiresAtMs = broker.nowMs() + Math.ceil(deadline - performance.now());
    await message.push(broker, { replyTo: { list, request }, expiresAtMs });
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
    { id, options }: OutgoingMessage,
  ): WritePacket | Promise<WritePacket> {
    try {
      return this.codec.decodeReply(reply, id, options.codec);
    } catch (error) {
      return { err: error, isDisposed: true };
    }
  }
}
