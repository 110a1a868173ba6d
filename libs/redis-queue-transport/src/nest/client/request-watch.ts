import type { WritePacket } from '@nestjs/microservices';
import { performance } from 'node:perf_hooks';
import type { ObservedMessage, RedisQueueObserver } from '../../core/lifecycle/observer.js';

/** Hands a packet of a request's replies to its caller. */
export type TellPacket = (packet: WritePacket) => void;

/** Reports once how a request ended: with its last reply, or because its caller stopped listening. */
export class RequestWatch {
  readonly #beganAt = performance.now();
  #isOver = false;

  constructor(
    private readonly message: ObservedMessage,
    private readonly observer: Pick<RedisQueueObserver, 'replied' | 'abandoned'>,
  ) {}

  /** Wraps `tell` to notice the last packet. */
  listening(tell: TellPacket): TellPacket {
    return (packet) => {
      const error: unknown = packet.err;
      if (packet.isDisposed === true || Boolean(error)) this.#replied(error);
      tell(packet);
    };
  }

  #replied(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const durationMs = performance.now() - this.#beganAt;
    this.observer.replied?.(this.message, { error, durationMs });
  }

  /** Nobody listens any more. The last reply may have arrived before. */
  unsubscribed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.observer.abandoned?.(this.message);
  }
}
