import type { Deserializer, Serializer } from '@nestjs/microservices';
import type { Codec } from '../../core/body/codec.js';
import type { ConnectionOption } from '../../open-broker.js';
import type { RedisQueueDeclarations } from './declarations.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';

interface SharedOptions {
  /**
   * Where Redis is: a `redis://` or `rediss://` URL, ioredis options, or an ioredis instance. The library opens
   * connections of its own to the same place; an instance that you give is neither used for commands nor closed. For
   * tokens that expire, give `credentials` among the options: a function that is asked before each connection is opened.
   * Default `redis://127.0.0.1:6379`.
   */
  readonly connection?: ConnectionOption | undefined;
  /** First part of every key, without braces; servers and clients that should meet need the same. Default `rq`. */
  readonly prefix?: string | undefined;
  /**
   * How long, in ms, a call waits for a connection that is away before it rejects with `RedisUnavailableError`.
   * 0 fails at once. Default 5000.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Nest serializer for outgoing packets: requests, messages and events of a client, replies of a server. */
  readonly serializer?: Serializer | undefined;
  /** Nest deserializer for incoming packets; may be asynchronous. */
  readonly deserializer?: Deserializer | undefined;
  /**
   * How data are written as bytes: `jsonCodec`, `rawCodec`, `msgpackCodec` from `nestjs-redis-queue-transport/msgpack`,
   * or one of your own. A reply is written in the codec of its request. Default `jsonCodec`.
   */
  readonly codec?: Codec | undefined;
  /** Further codecs that can be read here. JSON, raw bytes and `codec` always can. Default none. */
  readonly codecs?: readonly Codec[] | undefined;
  /**
   * How large a body may be, in bytes, as its codec writes it. A larger one is refused by its sender with
   * `PayloadTooLargeError`, also as a reply; one that comes all the same is a dead letter and is not decoded. Up to
   * 512 MiB, which is what Redis takes. Default 16 MiB.
   */
  readonly maxPayloadBytes?: number | undefined;
  /**
   * Bodies of more bytes are compressed (gzip) when that saves at least a tenth; `false` for never. The process stands
   * still while it compresses: lower, it costs more time than it saves memory and network. Default 32 KiB.
   */
  readonly compressAboveBytes?: number | false | undefined;
  /**
   * Are told what happens to messages, such as for metrics and traces. What none of them has a method for costs nothing.
   * Default: none.
   */
  readonly observers?: readonly RedisQueueObserver[] | undefined;
  /**
   * Groups that get copies of events, and histories, before their servers first start; declared with the first
   * connection. Default: none.
   */
  readonly declare?: RedisQueueDeclarations | undefined;
}

/** What a handler can set for itself, as `@MessagePattern(pattern, { … })`. */
export interface RedisQueueHandlerOptions {
  /**
   * How many of this handler may run at once in one process. 1 keeps the order of the queue within one process; more
   * than the process can bear makes each slower. Holds for live events too. Default 100.
   */
  readonly concurrency?: number | undefined;
  /**
   * How many messages a consumer may hold, those that run included; no fewer than `concurrency`, and where a handler
   * has a higher concurrency than the prefetch of its server, as many as that. What is beyond that
   * is ready in the process and starts without a round trip to Redis: short handlers that run one at a time gain most.
   * The price: after a crash all of them are handed out again, one by one, and while they wait no other replica gets
   * them. Default: as many as may run at once.
   */
  readonly prefetch?: number | undefined;
  /**
   * How long, in ms, a consumer may be silent before others take over what it holds. Too short and a busy event loop
   * loses its lease; too long and a crash delays what it held by as much. At least 1000. Default 30000.
   */
  readonly leaseMs?: number | undefined;
  /**
   * When a failed handler is tried again. Holds for enqueued messages; a request's caller gets the error instead. What
   * is not given is taken from the server, and there by default `{ attempts: 25, backoff: 'exponential',
   * delayMs: 1000, maxDelayMs: 600000 }`: a message is tried for 1 h 18 min at least, 2 h 37 min at most.
   */
  readonly retry?: RedisQueueRetryOptions | undefined;
  /**
   * How long, in ms, a handler may take. Then its `AbortSignal` fires, the attempt counts as failed, and its slot is
   * free, although what it does cannot be stopped from outside. Too short and slow work is done twice. Default: no end.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * A message whose id was handled is not handled again for `windowMs`: for effects that must not repeat when a sender
   * sends again. It covers messages that were settled; a crash between the effect and the settling still repeats it.
   * Default: off.
   */
  readonly once?: { readonly windowMs: number } | undefined;
  /**
   * The handler gets its messages by the batch: arrays of data, and a `RedisQueueBatchContext` by which it can settle
   * each by itself. `concurrency` then counts batches, by default 1. Only for a handler, not for a server. Default: off.
   */
  readonly batch?: RedisQueueBatchOptions | undefined;
  /**
   * A list that other programs fill in their own way: what they push there is moved to this handler's queue, and
   * handled as reliably as all else. Each element is data, JSON or text, whatever it looks like. Only for a handler, not for a server. Default: none.
   */
  readonly feedFrom?: RedisQueueFeedOptions | undefined;
}

export interface RedisQueueFeedOptions {
  /** The whole name of the list, as the others write it; the option `prefix` is ignored. */
  readonly list: string;
  /** The end that is taken from: `right` where the others LPUSH, `left` where they RPUSH. Default `right`. */
  readonly take?: 'right' | 'left' | undefined;
}

export interface RedisQueueBatchOptions {
  /** Most messages in one batch, from 1 to 10000. After a crash all of them are handed out again, one by one. */
  readonly size: number;
  /**
   * How long, in ms, a batch that is not full waits for further messages, from its first on. Default 0: it begins with
   * what came together.
   */
  readonly waitMs?: number | undefined;
}

export interface RedisQueueRetryOptions {
  /** How often a message is handed out at the most, the first time included. 1 is no retry. */
  readonly attempts?: number | undefined;
  /** `exponential` doubles the pause from attempt to attempt and spreads it over its upper half; `fixed` keeps it. */
  readonly backoff?: 'fixed' | 'exponential' | undefined;
  /** Pause in ms before the second attempt. */
  readonly delayMs?: number | undefined;
  /** Longest pause in ms. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Whether an error is worth another attempt; a message whose error is not becomes a dead letter at once, with the reason
   * `notRetried`. It gets what the handler, guard, pipe or interceptor threw. When it throws, or returns no boolean, the
   * message is tried again, and the log says so. Not asked of a batch of several messages that failed together. Default
   * `isWorthRetrying`, which is replaced: call it in a rule that adds to it.
   */
  readonly if?: ((error: unknown) => boolean) | undefined;
}

/** Those that a server can set for all of its handlers. */
type ForAllHandlers = Omit<RedisQueueHandlerOptions, 'batch' | 'feedFrom'>;

export interface RedisQueueServerOptions extends SharedOptions, ForAllHandlers {
  /** The group of event handlers that are `durable: true`: the service's name. Letters, digits, `_`, `.` and `-`. Default: none. */
  readonly group?: string | undefined;
  /**
   * Most handlers that run at once in this server, all of them together; a batch counts as one. Handlers that wait for a
   * place get it in turn. A handler that waits for a reply from another handler of this server keeps its place meanwhile,
   * so a value that is too low makes requests time out. Default: no limit beyond the `concurrency` of each handler.
   */
  readonly maxConcurrency?: number | undefined;
  /**
   * Most live events that wait in the process for one handler, while it already runs as often as its `concurrency` allows.
   * Further events are dropped, logged, and reported by the server's event `eventsDropped`. With 0, none wait.
   * Default 10000.
   */
  readonly maxWaitingEvents?: number | undefined;
  /** How long, in ms, `close()` waits for running handlers; what still runs then goes back to its queue. Default 10000. */
  readonly shutdownTimeoutMs?: number | undefined;
  /**
   * How many dead letters each queue keeps. The oldest beyond that are lost: dropped, counted, logged as an error and
   * told by the event `deadLettersDropped`. Default: all, as long as `deadLetterMaxAgeMs` says.
   */
  readonly deadLetterLimit?: number | undefined;
  /**
   * How long, in ms, each queue keeps its dead letters. Older ones are lost as those beyond `deadLetterLimit` are.
   * Default 14 days.
   */
  readonly deadLetterMaxAgeMs?: number | undefined;
  /**
   * What to do at start about a Redis whose maxmemory-policy is not `noeviction`, which throws queues away when it is
   * full: `warn` in the log, or `refuse` to listen with `UnsafeRedisError`. Default `warn`.
   */
  readonly onEviction?: 'warn' | 'refuse' | undefined;
  /**
   * A message that was running alone when its process died is dead-lettered after so many crashes. At least 2, as the first
   * crash may have been the fault of another one that ran beside it. Default 3.
   */
  readonly maxCrashes?: number | undefined;
}

export type RedisQueueAdminOptions = Pick<
  SharedOptions,
  'connection' | 'prefix' | 'connectTimeoutMs' | 'codecs' | 'maxPayloadBytes'
>;

export interface RedisQueueClientOptions extends SharedOptions {
  /**
   * How long, in ms, `send()` waits for its first reply, and after each one for the next, before it fails with
   * `RequestTimeoutError`. No handler starts the request later than that. Default 10000.
   */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * How long, in ms, it waits for the last reply, however many come before. Default: as long as replies keep coming.
   */
  readonly requestTotalTimeoutMs?: number | undefined;
  /**
   * Messages of more bytes leave their body in a hash beside the queue, so that its list stays light and quick to work
   * on; handlers do not notice, and the body goes with its message. Lower, each one costs a round trip more; `false`
   * for never. Default 16 KiB.
   */
  readonly parkAboveBytes?: number | false | undefined;
  /**
   * How many messages may wait for an answer from Redis (of a `send`, for its reply) before a further call fails with
   * `SenderFullError`: what bounds the memory of a client whose Redis is slow or away. One array of `enqueueMany` or
   * `emitMany` cannot be longer. Too low, and bursts are refused that Redis would take in a moment. Default 100000.
   */
  readonly maxPendingMessages?: number | undefined;
  /** Likewise how many bytes those may have together, about. Default 256 MiB. */
  readonly maxPendingBytes?: number | undefined;
  /**
   * How long, in ms, an `enqueue` or `emit` with `deduplicateMs` is sent again by itself after an outcome that is unknown,
   * but for no longer than half of its `deduplicateMs`. 0 for never: such a call then rejects with `OutcomeUnknownError` at
   * once. Too short, and a failover of Redis outlasts it. Default 30000.
   */
  readonly sendAgainForMs?: number | undefined;
  /** Headers of everything that it sends. A message's own go over them, one by one. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Names of headers that go along: what a handler of this process sends while it handles a message that has them, gets
   * them too, unless it says otherwise. Of a batch, those that all its messages have alike. Default none.
   */
  readonly forwardHeaders?: readonly string[] | undefined;
}
