import { performance } from 'node:perf_hooks';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import type { OutgoingMessage } from './outgoing-message.js';
import { RequestWatch } from './request-watch.js';

/** Reports what a client sends. If nobody listens, it allocates nothing and reads no clock. */
export class CallWatch {
  readonly #hearsSending: boolean;
  readonly #hearsRequests: boolean;

  constructor(private readonly observer: RedisQueueObserver) {
    this.#hearsSending = observer.sent !== undefined || observer.sendFailed !== undefined;
    this.#hearsRequests = observer.replied !== undefined || observer.abandoned !== undefined;
  }

  /** The message is about to be sent. Call it in the context of the caller. @param many see `ObservedMessage` */
  begins(message: OutgoingMessage, many: object | undefined): void {
    if (many !== undefined) message.belongTo(many);
    if (this.observer.sending === undefined) return;
    const headers = this.observer.sending(message.observed);
    if (headers !== undefined) message.addHeaders(headers);
  }

  /** Follows the call to its end, and returns it. */
  sending<T>(message: OutgoingMessage, call: Promise<T>): Promise<T> {
    return this.#hearsSending ? this.#follow(message, call) : call;
  }

  async #follow<T>(message: OutgoingMessage, call: Promise<T>): Promise<T> {
    const { observed } = message;
    const beganAt = performance.now();
    try {
      const answer = await call;
      this.observer.sent?.(observed, { durationMs: performance.now() - beganAt });
      return answer;
    } catch (error) {
      this.observer.sendFailed?.(observed, { error, durationMs: performance.now() - beganAt });
      throw error;
    }
  }

  /** Nothing was sent: these messages failed before that. */
  notSent(messages: readonly OutgoingMessage[], error: unknown, durationMs: number): void {
    if (this.observer.sendFailed === undefined) return;
    for (const { observed } of messages) this.observer.sendFailed(observed, { error, durationMs });
  }

  /** Undefined if nobody listens. */
  request(message: OutgoingMessage): RequestWatch | undefined {
    return this.#hearsRequests ? new RequestWatch(message.observed, this.observer) : undefined;
  }
}
