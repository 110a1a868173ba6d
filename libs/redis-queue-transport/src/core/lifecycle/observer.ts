import type { Settlement, SkipReason } from '../broker/lease.js';
import type { DeadReason, Outcome } from '../delivery/outcome.js';
import type { ErrorSummary } from '../errors/error-details.js';

/**
 * One message or event on its way through one handler. An observer gets the same object each time, so that it can be a
 * key of a `WeakMap`. An event with several live handlers has one object for each of them.
 */
export interface ObservedDelivery {
  /** The queue that it came from. For an event: its group's queue or, for a live one, the handler's pattern. */
  readonly queue: string;
  /** Undefined if a program without this library pushed plain data. */
  readonly id: string | undefined;
  /** How often the message was handed out, including this time. */
  readonly attempt: number;
  /** The pattern of an event; undefined for a message, whose pattern is that of its queue. */
  readonly pattern: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** When it was sent, in ms by Redis's clock; undefined if the sender did not say. */
  readonly sentAtMs: number | undefined;
  /** A live event: it is not settled and never runs again. */
  readonly isLive: boolean;
}

/** How a handler ended. */
export interface HandlerEnd {
  /** What becomes of the message. Always `ack` for a live event, which never runs again. */
  readonly outcome: Exclude<Outcome['kind'], 'skip'>;
  /** The handler's failure; undefined if it succeeded, or asked for the outcome. */
  readonly error: unknown;
  /** How long it ran, in ms. */
  readonly durationMs: number;
  /** False if the end came too late: the lease was lost, or the message was handed back at a shutdown. */
  readonly counts: boolean;
}

/** A message that a client sends, or a dead letter that is redriven. An observer gets the same object each time. */
export interface ObservedMessage {
  readonly verb: 'enqueue' | 'emit' | 'send' | 'redrive';
  /** As Nest normalises it. */
  readonly queue: string;
  readonly id: string;
  /** For one of several that are sent together: one object for all of them. Undefined for a single message. */
  readonly many: object | undefined;
}

/**
 * Gets told what happens to messages, through the option `observers` of a server or a client. Every method is optional,
 * and only present methods cost anything: without `ended`, no clock is read.
 *
 * Methods are called in the middle of the work, so they must be quick. Nothing waits for their result. Their errors and
 * rejections are logged and change nothing. Two methods do more than listen: {@link sending} adds headers, and {@link
 * run} gives handlers an async context.
 */
export interface RedisQueueObserver {
  /**
   * Runs a handler, to give it an async context: calls `next` at once. For a batch: with all of its messages. Comes
   * after {@link began}. The handler runs even if this fails, and it runs once, however often `next` is called.
   */
  run?(deliveries: readonly ObservedDelivery[], next: () => void): void;
  /** A handler begins. For a batch: called for each of its messages. */
  began?(delivery: ObservedDelivery): void;
  /** A handler that began has ended, whether or not that still counts. */
  ended?(delivery: ObservedDelivery, end: HandlerEnd): void;
  /** Redis has settled the message, whether it ran or not. Not for live events. */
  settled?(delivery: ObservedDelivery, as: Settlement['kind']): void;
  /** It failed, and runs again after `delayMs`. */
  retried?(
    delivery: ObservedDelivery,
    retry: { readonly delayMs: number; readonly error: unknown },
  ): void;
  /**
   * It runs again after `delayMs`, since its handler asked for that. With `slowsQueue`, no other message of its queue
   * starts before that either; with `slowsKey`, none of its key, if it has one.
   */
  postponed?(
    delivery: ObservedDelivery,
    postponement: {
      readonly delayMs: number;
      readonly slowsQueue?: true;
      readonly slowsKey?: true;
    },
  ): void;
  /** It is dead-lettered. */
  deadLettered?(
    delivery: ObservedDelivery,
    letter: { readonly reason: DeadReason; readonly error: ErrorSummary },
  ): void;
  /** It is not run: it expired, or its id was already handled. */
  skipped?(delivery: ObservedDelivery, why: SkipReason): void;
  /** A request failed, and its caller only gets "Internal server error". */
  failedUntold?(delivery: ObservedDelivery, error: unknown): void;

  /** A handler of a live event failed, or the event could not be read: nobody runs it again. */
  eventFailed?(delivery: ObservedDelivery, error: unknown): void;

  /** A consumer lost its lease while this many handlers ran: others run their messages again. */
  leaseLost?(loss: { readonly queue: string; readonly running: number }): void;
  /** A consumer that lost its lease has a new one. */
  leaseRegained?(lease: { readonly queue: string }): void;
  /** A consumer took back what a dead consumer held. */
  reclaimed?(reclaim: {
    readonly queue: string;
    readonly consumer: string;
    readonly deliveries: number;
  }): void;
  /** This consumer begins, or ends, running the queue's suspects; it takes nothing else meanwhile. */
  trialBegan?(trial: { readonly queue: string }): void;
  trialEnded?(trial: { readonly queue: string }): void;
  /** At a shutdown, this many messages were handed back because their handlers had not ended. */
  handedBack?(back: { readonly queue: string; readonly deliveries: number }): void;
  /** This many messages had already been settled elsewhere when their result came. */
  settledElsewhere?(settled: { readonly queue: string; readonly deliveries: number }): void;
  /** Nearly every attempt fails, the last one with this error, so the queue is slowed down. */
  queueSlowed?(slowed: { readonly queue: string; readonly error: unknown }): void;
  /** Attempts succeed again. */
  queueRecovered?(recovered: { readonly queue: string; readonly slowedMs: number }): void;
  /** This many dead letters exceeded a limit and are lost. */
  deadLettersDropped?(drop: { readonly queue: string; readonly dropped: number }): void;

  /** Live events were dropped because too many already waited for a handler. */
  eventsDropped?(drop: { readonly pattern: string; readonly dropped: number }): void;
  /** Live events of a handler with `recover` were missed for good. */
  gap?(gap: { readonly pattern: string; readonly missed: number }): void;
  /** The connection for live events was lost and restored, this many times so far. */
  eventsInterrupted?(interruption: { readonly times: number }): void;

  /**
   * A background call to Redis failed and is tried again: by a queue's consumer or, without a queue, by another part.
   */
  callFailed?(failure: { readonly queue: string | undefined; readonly error: unknown }): void;
  /** A queue's consumer reaches Redis again. */
  callsRecovered?(recovery: { readonly queue: string }): void;

  /**
   * A client is about to send this message. Called in the async context of its caller. Returns headers to add, which
   * replace those of the same name, or undefined.
   *
   * After that comes either {@link sent} or {@link sendFailed}. For a request, either {@link replied} or {@link
   * abandoned} always comes, and one of the other two only if the request got that far.
   */
  sending?(message: ObservedMessage): Readonly<Record<string, string>> | undefined;
  /** Redis holds a client's message, or has sent it to all listeners. */
  sent?(message: ObservedMessage, sending: { readonly durationMs: number }): void;
  /** A client's message could not be sent, or its outcome is unknown. */
  sendFailed?(
    message: ObservedMessage,
    failure: { readonly error: unknown; readonly durationMs: number },
  ): void;
  /** A client's request got its last reply, or none in time; `error` if it failed. May come before {@link sent}. */
  replied?(
    message: ObservedMessage,
    reply: { readonly error: unknown; readonly durationMs: number },
  ): void;
  /** The caller of a client's request stopped listening before the last reply. */
  abandoned?(message: ObservedMessage): void;
}
