import { CLOSE_WITHIN_MS } from '../../core/broker/broker.js';
import type { Broker } from '../../core/broker/broker.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import { drained } from '../../core/process/drained.js';
import type { RedisQueueHealth } from '../../core/broker/health.js';
import type { OpenBroker } from '../../open-broker.js';
import { SendAgain } from './send-again.js';

export interface ClientSessionEvents {
  /** Is waited for before the first message is sent. */
  opened(broker: Broker): Promise<void>;
  connected(): void;
  /** An element of the reply list. */
  reply(element: Buffer): void;
}

/** What a client opens with its first call and gives up with `close()`: connections, and the list of its replies. */
export class ClientSession {
  readonly broker: Broker;
  readonly sendAgain: SendAgain;
  #connecting: Promise<void> | undefined;
  #isConnected = false;
  /** Calls that wait for the connection. */
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
  }

  /** The client of the broker's own library. */
  get native(): unknown {
    return this.open.native;
  }

  get health(): RedisQueueHealth {
    return this.open.health();
  }

  /** It was connected once; from then on each call to the broker waits for the connection itself. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Waits for the connection once; after a failure the next call tries anew. */
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

  /** Name of the list that replies come through; the first call begins to read it. */
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
   * Sends messages once connected. They have begun: `close()` waits for them, and they are counted by the budget.
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

  /** Waits for what has begun, up to {@link CLOSE_WITHIN_MS}; what is in flight then rejects. May be called twice. */
  async close(): Promise<void> {
    const deadline = performance.now() + CLOSE_WITHIN_MS;
    await drained(() => this.#unsent > 0 || this.sendAgain.isBusy, CLOSE_WITHIN_MS);
    this.sendAgain.stop();
    // Who only wanted to be connected, and waits for it no longer, need not hear of this.
    this.#connecting?.catch(() => undefined);
    await this.broker.close(Math.max(0, deadline - performance.now()));
  }

  async #connect(): Promise<void> {
    await this.broker.connect();
    await this.events.opened(this.broker);
    // In the next turn: calls that waited for the connection go first.
    setImmediate(() => {
      this.#isConnected = true;
    });
    this.events.connected();
  }
}
