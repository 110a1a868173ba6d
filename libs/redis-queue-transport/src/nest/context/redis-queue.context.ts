import { BaseRpcContext } from '@nestjs/microservices';
import type { Delivery } from '../../core/delivery/delivery.js';

/** What a handler can know about its message; injected by `@Ctx()`. */
export class RedisQueueContext extends BaseRpcContext<[delivery: Delivery, pattern: string]> {
  /** What the handler threw, before filters changed it. The transport keeps it for dead letters. */
  failure: unknown;
  /** Nest's own filter did not log {@link failure} and leaves that to the transport. */
  isUntold = false;

  /** The pattern that the message was sent to. For an event: its own pattern, even if the handler's has wildcards. */
  getPattern(): string {
    return this.args[1];
  }

  /** The queue that the message came from. For an event: its group's queue or, for a live one, the handler's pattern. */
  getQueue(): string {
    return this.args[0].queue;
  }

  /** The message's id; undefined if a program without this library pushed plain data. */
  getMessageId(): string | undefined {
    return this.args[0].envelope.id;
  }

  /** The key by which messages are kept in order; undefined for a message without one. */
  getKey(): string | undefined {
    return this.args[0].envelope.key;
  }

  /** The priority of the message: from 0 to 9, higher first; 4 unless the sender gave one. */
  getPriority(): number {
    return this.args[0].envelope.priority;
  }

  /**
   * How often the message was handed out, including this time: 1 for the first delivery. Failures, `RetryLater` and
   * crashes of the process count; messages handed back at a shutdown do not. `RetryLater` alone uses up none of the retry
   * policy's `attempts`.
   */
  getAttempt(): number {
    return this.args[0].envelope.attempt;
  }

  /** When it was sent, by Redis's clock; undefined if the sender did not say. */
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

  /** Fires when the result no longer counts: the lease is lost, or the time to run or to shut down is over. */
  getSignal(): AbortSignal {
    return this.args[0].signal;
  }
}
