import { CLOSE_WITHIN_MS } from '../../core/broker/broker.js';
import type { Broker, QueueLength } from '../../core/broker/broker.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import { WaitForRoom } from '../../core/requests/wait-for-room.js';
import { drained } from '../../core/process/drained.js';
import type { RedisQueueHealth } from '../../core/broker/health.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { OpenBroker } from '../../core/source/broker-source.js';
import { SendAgain } from './send-again.js';

export interface ClientSessionEvents {
  /** Awaited before the first message is sent. */
  opened(broker: Broker): Promise<void>;
  connected(): void;
  /** Called with each element of the reply list. */
  reply(element: Buffer): void;
}

/** What a client opens with its first call and closes with `close()`: connections, and its reply list. */
export class ClientSession {
  readonly broker: Broker;
  readonly sendAgain: SendAgain;
  readonly room: WaitForRoom;
  #connecting: Promise<void> | undefined;
  #isConnected = false;
  /** Calls waiting for the connection. */
  #unsent = 0;
  #replyList: Promise<string> | undefined;
  #openReplyList: string | undefined;

  constructor(
    private readonly open: OpenBroker,
    private readonly events: ClientSessionEvents,
    private readonly budget: SendBudget,
    sendAgainForMs: number,
  ) {
    this.broker = open.broker;
    const connected = (): Promise<void> => this.broker.connect();
    this.sendAgain = new SendAgain({ forMs: sendAgainForMs, budget, connected });
    const length = (queue: string): Promise<QueueLength> => this.broker.length(queue);
    this.room = new WaitForRoom({ runtime: nodeRuntime, budget, length });
  }

  /** The client of the broker's own library. */
  get native(): unknown {
    return this.open.native;
  }

  get health(): RedisQueueHealth {
    return this.open.health();
  }

  /** It has been connected once. From then on each call to the broker waits for the connection itself. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Waits for the first connection. After a failure, the next call tries again. */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = undefined;
      throw error;
    });
    return this.#connecting;
  }

  /** The same as {@link replyList}, once it is read. */
  get openReplyList(): string | undefined {
    return this.#openReplyList;
  }

  /** The name of the reply list. The first call starts reading it. */
  replyList(): Promise<string> {
    this.#replyList ??= this.broker
      .receiveReplies((element) => this.events.reply(element))
      .then(
        (list) => {
          this.#openReplyList = list;
          return list;
        },
        (error: unknown) => {
          this.#replyList = undefined;
          throw error;
        },
      );
    return this.#replyList;
  }

  /**
   * Sends messages once connected. `close()` waits for them, and the budget counts them.
   * @throws SenderFullError at once
   */
  whenConnected<T>(bytes: number, send: (session: this) => Promise<T>): Promise<T> {
    const full = this.budget.take(bytes);
    if (full !== undefined) throw full;
    return this.#whenConnected(bytes, send);
  }

  async #whenConnected<T>(bytes: number, send: (session: this) => Promise<T>): Promise<T> {
    this.#unsent += 1;
    try {
      await this.connect();
    } finally {
      this.#unsent -= 1;
      this.budget.give(bytes); // the broker counts from here on
    }
    return send(this);
  }

  /** Waits for running calls, up to {@link CLOSE_WITHIN_MS}. Calls still in flight then reject. May be called twice. */
  async close(): Promise<void> {
    const deadline = performance.now() + CLOSE_WITHIN_MS;
    await drained(() => this.#isBusy, CLOSE_WITHIN_MS, nodeRuntime);
    this.room.stop();
    this.sendAgain.stop();
    // Perhaps nobody waits for the connection any more: then its failure must not become an unhandled rejection.
    this.#connecting?.catch(() => undefined);
    await this.broker.close(Math.max(0, deadline - performance.now()));
  }

  get #isBusy(): boolean {
    return this.#unsent > 0 || this.sendAgain.isBusy || this.room.isBusy;
  }

  async #connect(): Promise<void> {
    await this.broker.connect();
    await this.events.opened(this.broker);
    // In the next turn, so that calls that waited for the connection go first.
    setImmediate(() => {
      this.#isConnected = true;
    });
    this.events.connected();
  }
}
