import type { WritePacket } from '@nestjs/microservices';
import { performance } from 'node:perf_hooks';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import type { OutgoingMessage } from './outgoing-message.js';

/** Hands a packet of a request's replies to its caller. */
type TellPacket = (packet: WritePacket) => void;

/** Tells of what a client sends and hears. Where nobody listens, it makes nothing and reads no clock. */
export class CallWatch {
  readonly #hearsSending: boolean;

  constructor(private readonly observer: RedisQueueObserver) {
    this.#hearsSending = observer.sent !== undefined || observer.sendFailed !== undefined;
  }

  /** Answers the call, which it follows to its end. */
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

  /** Answers what hands its packets on, and looks for the last of them. */
  request(message: OutgoingMessage, tell: TellPacket): TellPacket {
    if (this.observer.replied === undefined) return tell;
    const { observed } = message;
    const beganAt = performance.now();
    return (packet) => {
      const error: unknown = packet.err;
      const durationMs = performance.now() - beganAt;
      const isLast = packet.isDisposed === true || Boolean(error);
      if (isLast) this.observer.replied?.(observed, { error, durationMs });
      tell(packet);
    };
  }
}
