import { BaseRpcContext } from '@nestjs/microservices';
import type { Delivery } from '../../core/delivery/delivery.js';

/** What a handler can know of the message that it runs for; injected by `@Ctx()`. */
export class RedisQueueContext extends BaseRpcContext<[delivery: Delivery, pattern: string]> {
  /** What the handler threw, if it did, before filters changed it. Kept by the transport for dead letters. */
  failure: unknown;
  /** Nest's own filter told nobody what {@link failure} was, and left it to the transport to log it. */
  isUntold = false;

  /** The pattern that the message was sent to; for an event its own, also where the handler's has wildcards. */
  getPattern(): string {
    return this.args[1];
  }

  /** The queue that it came through: for an event its group's, or, for a live one, the pattern that was listened to. */
  getQueue(): string {
    return this.args[0].queue;
  }

  /** The message's id; undefined when a program without this library pushed plain data. */
  getMessageId(): string | undefined {
    return this.args[0].envelope.id;
  }

  /**
   * How often it was handed out, this time included: 1 for the first delivery. Failures, `RetryLater` and crashes of the
   * process count; what was handed back unharmed at a stop does not. Of these, `RetryLater` alone uses up none of
   * the `attempts` of the retry policy.
   */
  getAttempt(): number {
    return this.args[0].envelope.attempt;
  }

  /** When it was sent, by Redis's clock; undefined when the sender did not say. */
  getSentAt(): Date | undefined {
    const { sentAtMs } = this.args[0].envelope;
    return sentAtMs === undefined ? undefined : new Date(sentAtMs);
  }

  getHeaders(): Readonly<Record<string, string>> {
    return this.args[0].envelope.headers;
  }

  /** What the client's dispatch hook attached to the packet, if anything. */
  getMetadata(): unknown {
    return this.args[0].envelope.metadata;
  }

  /** Fires when the result no longer counts: the lease was lost, or the time to shut down is over. */
  getSignal(): AbortSignal {
    return this.args[0].signal;
  }
}
