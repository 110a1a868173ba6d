import type { Settlement, SkipReason } from '../broker/broker.js';
import type { DeadReason, Outcome } from '../delivery/outcome.js';
import type { ErrorSummary } from '../errors/error-details.js';

/**
 * One message or event on its way through one handler. Everything that an observer is told of it comes with the same
 * object, so that it can be a key of a `WeakMap`. An event with several live handlers has one for each of them.
 */
export interface ObservedDelivery {
  /** The queue that it came through: of an event its group's, of a live one the pattern that was listened to. */
  readonly queue: string;
  /** Undefined when a program without this library pushed plain data. */
  readonly id: string | undefined;
  /** Which handing out this is, from 1. */
  readonly attempt: number;
  /** The name under which an event was emitted; undefined for a message, which is named by its queue. */
  readonly pattern: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** When it was sent, in ms by Redis's clock; undefined when the sender did not say. */
  readonly sentAtMs: number | undefined;
  /** A live event, which is settled by nobody and never runs again. */
  readonly isLive: boolean;
}

/** How a handler ended. */
export interface HandlerEnd {
  /** What becomes of the message. Of a live event always `ack`, as nobody runs it again. */
  readonly outcome: Exclude<Outcome['kind'], 'skip'>;
  /** What the handler failed with; undefined where it succeeded, or asked for what follows. */
  readonly error: unknown;
  /** How long it ran, in ms. */
  readonly durationMs: number;
  /** False where the end came too late: the lease was lost, or the message was handed back at a stop. */
  readonly counts: boolean;
}

/** A message that a client sends. The same object whenever an observer is told of it. */
export interface ObservedMessage {
  readonly verb: 'enqueue' | 'emit' | 'send';
  /** As Nest normalises it. */
  readonly queue: string;
  readonly id: string;
}

/**
 * Is told what happens to messages, in a server by the option `observers` of the server, in a client by that of the client.
 * Every method is optional, and only what an observer has is looked after: an observer without `ended` has no clock read.
 *
 * Methods are called in the middle of the work, so they must be quick. What they return is not waited for; what they
 * throw, or reject with, is logged, and changes nothing.
 */
export interface RedisQueueObserver {
  /** A handler begins. Of a batch, told for each of its messages. */
  began?(delivery: ObservedDelivery): void;
  /** A handler that began has ended, whether or not that still counts. */
  ended?(delivery: ObservedDelivery, end: HandlerEnd): void;
  /** Redis has taken what became of it. Of what ended, and of what was never run; not of live events. */
  settled?(delivery: ObservedDelivery, as: Settlement['kind']): void;
  /** It failed, and runs again after `delayMs`. */
  retried?(
    delivery: ObservedDelivery,
    retry: { readonly delayMs: number; readonly error: unknown },
  ): void;
  /** It runs again after `delayMs`, as its handler asked for. */
  postponed?(delivery: ObservedDelivery, postponement: { readonly delayMs: number }): void;
  /** It becomes a dead letter. */
  deadLettered?(
    delivery: ObservedDelivery,
    letter: { readonly reason: DeadReason; readonly error: ErrorSummary },
  ): void;
  /** It is not run: it expired, or its id was handled before. */
  skipped?(delivery: ObservedDelivery, why: SkipReason): void;
  /** A request failed, and its caller is told no more than "Internal server error". */
  failedUntold?(delivery: ObservedDelivery, error: unknown): void;

  /** A handler of a live event failed, or the event could not be read: nobody runs it again. */
  eventFailed?(delivery: ObservedDelivery, error: unknown): void;

  /** A consumer lost its lease while so many handlers ran: others run those messages again. */
  leaseLost?(loss: { readonly queue: string; readonly running: number }): void;
  /** A consumer that lost its lease has another one. */
  leaseRegained?(lease: { readonly queue: string }): void;
  /** A consumer took back what another one held that is dead. */
  reclaimed?(reclaim: {
    readonly queue: string;
    readonly consumer: string;
    readonly deliveries: number;
  }): void;
  /** This consumer begins to run the queue's suspects, and takes nothing else meanwhile. */
  trialBegan?(trial: { readonly queue: string }): void;
  trialEnded?(trial: { readonly queue: string }): void;
  /** At a stop, so many messages were handed back whose handlers had not ended. */
  handedBack?(back: { readonly queue: string; readonly deliveries: number }): void;
  /** So many messages were settled by somebody else when their result came. */
  settledElsewhere?(settled: { readonly queue: string; readonly deliveries: number }): void;
  /** Nearly every attempt fails, the last one with this error: only a few are made. */
  queueSlowed?(slowed: { readonly queue: string; readonly error: unknown }): void;
  /** Attempts succeed again. */
  queueRecovered?(recovered: { readonly queue: string; readonly slowedMs: number }): void;
  /** So many dead letters went beyond a bound, and are lost. */
  deadLettersDropped?(drop: { readonly queue: string; readonly dropped: number }): void;

  /** Live events found no room to wait for a handler in. */
  eventsDropped?(drop: { readonly pattern: string; readonly dropped: number }): void;
  /** Live events that are recovered were missed for good. */
  gap?(gap: { readonly pattern: string; readonly missed: number }): void;
  /** The connection for live events was lost and is there again, so many times by now. */
  eventsInterrupted?(interruption: { readonly times: number }): void;

  /** A call to Redis failed in the background and is tried again: one of a queue's consumer, or, without one, of others. */
  callFailed?(failure: { readonly queue: string | undefined; readonly error: unknown }): void;
  /** A queue's consumer reaches Redis again. */
  callsRecovered?(recovery: { readonly queue: string }): void;

  /** A client's message is held by Redis, or told to whoever listens. */
  sent?(message: ObservedMessage, sending: { readonly durationMs: number }): void;
  /** A client's message could not be sent, or nobody knows. */
  sendFailed?(
    message: ObservedMessage,
    failure: { readonly error: unknown; readonly durationMs: number },
  ): void;
  /**
   * A client's request has its last reply, or none in time; `error` where it failed. Not told where its caller stops
   * listening. May come before {@link sent}: servers are quick.
   */
  replied?(
    message: ObservedMessage,
    reply: { readonly error: unknown; readonly durationMs: number },
  ): void;
}
