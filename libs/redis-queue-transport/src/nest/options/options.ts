import type { Deserializer, Serializer } from '@nestjs/microservices';
import type { Codec } from '../../core/body/codec.js';
import type { ConnectionOption } from '../../open-broker.js';
import type { RedisQueueDeclarations } from './declarations.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';

interface SharedOptions {
  /**
   * Where Redis is: a `redis://` or `rediss://` URL, ioredis options, or an ioredis instance. The library opens
   * connections of its own to the same place; an instance that you give is neither used for commands nor closed. For
   * tokens that expire, add `credentials` to the options: a function that is called before each connection is opened.
   * In tests, a store that stands in for Redis. Default `redis://127.0.0.1:6379`.
   */
  readonly connection?: ConnectionOption | undefined;
  /** First part of every key, without braces. Servers and clients only meet if theirs is the same. Default `rq`. */
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
   * How data is encoded: `jsonCodec`, `rawCodec`, `msgpackCodec` from `nestjs-redis-queue-transport/msgpack`, or a
   * codec of your own. A reply is written in the codec of its request. Default `jsonCodec`.
   */
  readonly codec?: Codec | undefined;
  /** Further codecs that this side can read, in addition to JSON, raw bytes and `codec`. Default none. */
  readonly codecs?: readonly Codec[] | undefined;
  /**
   * Largest encoded body, in bytes. The sender refuses a larger one, message or reply, with `PayloadTooLargeError`. A
   * larger one that arrives anyway is dead-lettered without being decoded. At most 512 MiB, the limit of Redis.
   * Default 16 MiB.
   */
  readonly maxPayloadBytes?: number | undefined;
  /**
   * Larger bodies, in bytes, are compressed (gzip) if that saves at least a tenth; `false` for never. Compressing
   * blocks the event loop: with a lower value, it costs more time than it saves memory and network. Default 32 KiB.
   */
  readonly compressAboveBytes?: number | false | undefined;
  /**
   * Objects that are told what happens to messages, for metrics or traces. Events for which none of them has a method
   * cost nothing. Default: none.
   */
  readonly observers?: readonly RedisQueueObserver[] | undefined;
  /**
   * Groups that get copies of events, and histories that start, even before their servers first start. Declared with
   * the first connection. Default: none.
   */
  readonly declare?: RedisQueueDeclarations | undefined;
}

/** What a handler can set for itself, as `@MessagePattern(pattern, { … })`. */
export interface RedisQueueHandlerOptions {
  /**
   * Most calls of this handler that run at once in one process; applies to live events too. 1 keeps the order of the
   * queue within one process. Too many make every call slower. Default 100.
   */
  readonly concurrency?: number | undefined;
  /**
   * Most messages that a consumer may hold, including those running. At least `concurrency`; if a handler's concurrency
   * exceeds the server's prefetch, that concurrency applies. Prefetched messages start without a round trip to Redis,
   * which helps short handlers that run one at a time. The price: no other replica gets them meanwhile, and after a
   * crash all of them are handed out again, one by one. Defaults to `concurrency`.
   */
  readonly prefetch?: number | undefined;
  /**
   * How long, in ms, a consumer may be silent before others take over its messages. Too short: a busy event loop loses
   * its lease. Too long: a crash delays the messages by that time. At least 1000. Default 30000.
   */
  readonly leaseMs?: number | undefined;
  /**
   * When to retry a failed message. Applies to enqueued messages and durable events; the caller of a request gets the
   * error instead. Missing fields come from the server's option, and there default to `{ attempts: 25, backoff:
   * 'exponential', delayMs: 1000, maxDelayMs: 600000 }`, which retries for between 1 h 18 min and 2 h 37 min.
   */
  readonly retry?: RedisQueueRetryOptions | undefined;
  /**
   * How long, in ms, a handler may take. After that its `AbortSignal` fires, the attempt counts as failed, and another
   * message takes its place, although the code itself cannot be stopped. Too short: slow work is done twice. Default:
   * no limit.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * A message with an id that was handled is not handled again for `windowMs`, for effects that must not repeat when a
   * sender sends again. It covers settled messages: a crash between the effect and settling still repeats the effect.
   * Default: off.
   */
  readonly once?: { readonly windowMs: number } | undefined;
  /**
   * What all processes together may do with the messages of each key; those beyond it wait in the lane of their key, and
   * hold up no other key. All servers of a queue should say the same. For handlers only, not for a server. Default: one
   * at a time, at any rate.
   */
  readonly perKey?: RedisQueuePerKeyOptions | undefined;
  /**
   * The handler gets batches: an array of data, and a `RedisQueueBatchContext` to settle messages one by one.
   * `concurrency` then counts batches and defaults to 1. For handlers only, not for a server. Default: off.
   */
  readonly batch?: RedisQueueBatchOptions | undefined;
  /**
   * A list that other programs fill. Its elements are moved to this handler's queue and handled as reliably as any
   * message. Each element is data, JSON or text, even if it looks like an envelope. For handlers only, not for a
   * server. Default: none.
   */
  readonly feedFrom?: RedisQueueFeedOptions | undefined;
  /**
   * Most messages that may wait in this handler's queue, delayed ones included; those that consumers hold do not count.
   * Senders are refused with `QueueFullError` beyond it, or wait for room (`waitForRoomMs`). Nothing else is refused:
   * retries, redrives and what comes back from a consumer may exceed it. For handlers only, not for a server. Default:
   * no limit.
   */
  readonly maxLength?: number | undefined;
  /**
   * What all processes together may do with this handler's queue; messages beyond it wait in their place. Excludes
   * `prefetch`: a server's `prefetch` does not apply to this handler. All servers of the queue should have the same. For
   * handlers only, not for a server. Default: no limit.
   */
  readonly limit?: RedisQueueLimitOptions | undefined;
  /**
   * Which waiting message is handled next. `newestFirst` is for messages that lose their worth as newer ones come, such
   * as positions or prices: while more come than are handled, older ones wait. Retries and what comes back from a consumer
   * are handled next in either order, and messages of one key keep their order. All servers of a queue should say the
   * same. For handlers only, not for a server. Default `oldestFirst`.
   */
  readonly order?: 'oldestFirst' | 'newestFirst' | undefined;
}

/** `running`, `rate`, or both. */
export interface RedisQueueLimitOptions {
  /**
   * Most messages that run at once in all processes together. What a dead process ran counts until its lease ends.
   * Default: any number.
   */
  readonly running?: number | undefined;
  /**
   * Most messages that start in `perMs`, in all processes together and by Redis's clock; each attempt counts. After a
   * rest, a tenth of them (at least one) may start at once, the others follow at equal intervals. So any time of `perMs`
   * sees at most eleven tenths of `rate` start, and no more than `rate` if that is below 20. (Generic Cell Rate
   * Algorithm, ITU-T I.371.) Default: any number.
   */
  readonly rate?: number | undefined;
  /** The time, in ms, for which `rate` is given. Default 1000. */
  readonly perMs?: number | undefined;
}

/** `running`, `rate`, or both. */
export interface RedisQueuePerKeyOptions {
  /** How many messages with the same key may run at once. Above 1, messages of a key have no order. Default 1. */
  readonly running?: number | undefined;
  /**
   * Most messages of each key that get their turn in `perMs`, by Redis's clock. Retries do not count. A tenth of them (at
   * least one) may follow each other at once, the others come at equal intervals. Default: any number.
   */
  readonly rate?: number | undefined;
  /** The time, in ms, for which `rate` is given. Default 1000. */
  readonly perMs?: number | undefined;
}

export interface RedisQueueFeedOptions {
  /** The full name of the list; the option `prefix` is ignored. */
  readonly list: string;
  /** The end to take from: `right` if the others LPUSH, `left` if they RPUSH. Default `right`. */
  readonly take?: 'right' | 'left' | undefined;
}

export interface RedisQueueBatchOptions {
  /** Most messages in one batch, from 1 to 10000. After a crash all of them are handed out again, one by one. */
  readonly size: number;
  /**
   * How long, in ms, after its first message a batch that is not full waits for more. Default 0: it starts with the
   * messages that arrived together.
   */
  readonly waitMs?: number | undefined;
}

export interface RedisQueueRetryOptions {
  /** Most times that a message is handed out, including the first. 1 means no retry. */
  readonly attempts?: number | undefined;
  /** `exponential` doubles the pause from attempt to attempt and spreads it over its upper half; `fixed` keeps it. */
  readonly backoff?: 'fixed' | 'exponential' | undefined;
  /** Pause in ms before the second attempt. */
  readonly delayMs?: number | undefined;
  /** Longest pause in ms. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Whether an error is worth another attempt. If not, the message is dead-lettered at once with the reason
   * `notRetried`. The rule gets what the handler, guard, pipe or interceptor threw. If it throws, or does not return a
   * boolean, the message is retried and the log says so. Not called for a batch of several messages that failed
   * together. Replaces the default, `isWorthRetrying`: call that in a rule that adds to it.
   */
  readonly if?: ((error: unknown) => boolean) | undefined;
}

/** The options that a server can set for all of its handlers. */
type ForAllHandlers = Omit<
  RedisQueueHandlerOptions,
  'batch' | 'feedFrom' | 'limit' | 'maxLength' | 'order' | 'perKey'
>;

export interface RedisQueueServerOptions extends SharedOptions, ForAllHandlers {
  /**
   * The group of event handlers that are `durable: true`: the service's name. Letters, digits, `_`, `.` and `-`.
   * Default: none.
   */
  readonly group?: string | undefined;
  /**
   * Most handlers that run at once in this server, in total; a batch counts as one. Waiting handlers get a place in
   * turn. A handler that waits for a reply from another handler of this server keeps its place, so too low a value
   * makes requests time out. Default: no limit beyond the `concurrency` of each handler.
   */
  readonly maxConcurrency?: number | undefined;
  /**
   * Most live events that wait in the process for one handler, while it already runs as often as its `concurrency`
   * allows. Further events are dropped, logged, and reported by the server's event `eventsDropped`. With 0, none wait.
   * Default 10000.
   */
  readonly maxWaitingEvents?: number | undefined;
  /** How long, in ms, `close()` waits for running handlers. Then their messages go back to the queue. Default 10000. */
  readonly shutdownTimeoutMs?: number | undefined;
  /**
   * Most dead letters that each queue keeps. The oldest beyond that are lost: dropped, counted, logged as an error, and
   * reported by the event `deadLettersDropped`. Default: no limit by number, only by `deadLetterMaxAgeMs`.
   */
  readonly deadLetterLimit?: number | undefined;
  /**
   * How long, in ms, each queue keeps its dead letters. Older ones are lost, like those beyond `deadLetterLimit`.
   * Default 14 days.
   */
  readonly deadLetterMaxAgeMs?: number | undefined;
  /**
   * What to do at start if Redis's maxmemory-policy is not `noeviction`, so that a full Redis may delete queues: `warn`
   * in the log, or `refuse` to listen with `UnsafeRedisError`. Default `warn`.
   */
  readonly onEviction?: 'warn' | 'refuse' | undefined;
  /**
   * After this many crashes, a message that was running alone when its process died is dead-lettered. At least 2, since
   * the first crash may have been caused by another message that ran beside it. Default 3.
   */
  readonly maxCrashes?: number | undefined;
}

export type RedisQueueAdminOptions = Pick<
  SharedOptions,
  'connection' | 'prefix' | 'connectTimeoutMs' | 'codecs' | 'maxPayloadBytes' | 'observers'
>;

/** How many replicas of Redis must have a message before a call resolves. */
export interface RedisQueueReplicas {
  readonly count: number;
  /** How long to wait for them, in ms, from 1 to 4000. Default 1000. */
  readonly timeoutMs?: number | undefined;
}

export interface RedisQueueClientOptions extends SharedOptions {
  /**
   * How long, in ms, `send()` waits for its first reply, and after each reply for the next, before it fails with
   * `RequestTimeoutError`. No handler starts a request after that time. Default 10000.
   */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * How long, in ms, `send()` waits for its last reply. Default: as long as replies keep coming.
   */
  readonly requestTotalTimeoutMs?: number | undefined;
  /**
   * Larger messages, in bytes, have their body parked in a hash beside the queue, so that scripts do not copy it.
   * Handlers do not notice, and the body is removed with its message. Each one costs another round trip; `false` for
   * never. Default 16 KiB.
   */
  readonly parkAboveBytes?: number | false | undefined;
  /**
   * Most messages that may wait for Redis (a `send`: for its reply) before another call fails with `SenderFullError`.
   * It bounds the memory of a client while Redis is slow or away, and the length of an array for `enqueueMany` or
   * `emitMany`. Too low: bursts are refused that Redis would accept a moment later. Default 100000.
   */
  readonly maxPendingMessages?: number | undefined;
  /** Roughly how many bytes these messages may have in total. Default 256 MiB. */
  readonly maxPendingBytes?: number | undefined;
  /**
   * How long, in ms, after an unknown outcome the client keeps sending an `enqueue` or `emit` with `deduplicateMs`
   * again, at most half of its `deduplicateMs`. 0 for never: the call rejects with `OutcomeUnknownError` at once. Too
   * short: a failover of Redis takes longer. Default 30000.
   */
  readonly sendAgainForMs?: number | undefined;
  /**
   * `enqueue`, `emit` of events that are kept, and their `…Many` resolve once this many replicas of Redis have the message
   * too. If they do not within `timeoutMs` (1 to 4000, default 1000), the call fails with `NotReplicatedError`, although
   * Redis holds the message. Calls of one turn of the event loop wait together. Requests do not wait: their reply shows
   * that they were handled. Default: no waiting.
   */
  readonly waitForReplicas?: RedisQueueReplicas | undefined;
  /** Headers for everything that this client sends. A message's own headers override them one by one. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Names of headers to pass on: while a handler of this process handles a message with such a header, what it sends
   * gets the header too, unless it sets its own. From a batch, headers that all its messages share. Default none.
   */
  readonly forwardHeaders?: readonly string[] | undefined;
}
