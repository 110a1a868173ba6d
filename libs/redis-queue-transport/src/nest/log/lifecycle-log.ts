import { HttpException } from '@nestjs/common';
import type { Logger } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import type { SkipReason } from '../../core/broker/lease.js';
import { summarize } from '../../core/delivery/outcome.js';
import type { ErrorSummary } from '../../core/errors/error-details.js';
import { RedisQueueError } from '../../core/errors/redis-queue-error.js';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { refusalOf } from '../../core/errors/refusal-of.js';
import type { ObservedDelivery, RedisQueueObserver } from '../../core/lifecycle/observer.js';
import { counted } from './counted.js';
import type { FailureLog } from './failure-log.js';

type Methods = Required<RedisQueueObserver>;
/** The facts about a queue or a pattern that a method gets. */
type About<Event extends keyof Methods> = Parameters<Methods[Event]>[0];
/** The facts that a method gets beside a delivery. */
type More<Event extends 'retried' | 'postponed' | 'deadLettered'> = Parameters<Methods[Event]>[1];

/** Writes what happens to messages and live events into Nest's log. */
export class LifecycleLog implements RedisQueueObserver {
  #lastCause: unknown;

  constructor(
    private readonly logger: Logger,
    private readonly failures: FailureLog,
  ) {}

  callFailed({ queue, error }: About<'callFailed'>): void {
    this.failures.failed(queue === undefined ? error : withQueue(queue, error));
  }

  callsRecovered(): void {
    this.failures.recovered();
  }

  leaseLost({ queue, running }: About<'leaseLost'>): void {
    this.logger.warn(
      `Lost the lease on "${queue}" while ${counted(running, 'handler')} ran: other consumers run the messages again. ` +
        'The event loop was blocked, or Redis was away, for longer than leaseMs.',
    );
  }

  reclaimed({ queue, consumer, deliveries }: About<'reclaimed'>): void {
    this.logger.warn(
      `Took back ${counted(deliveries, 'message')} of "${queue}" from ${consumer}, which stopped renewing its lease.`,
    );
  }

  retried(delivery: ObservedDelivery, { delayMs, error }: More<'retried'>): void {
    this.logger.warn(
      `Attempt ${delivery.attempt} of ${nameOf(delivery)} failed; the next one starts in ${delayMs} ms: ${causeOf(error)}`,
      ...this.#newStack(error),
    );
  }

  failedUntold({ id, queue }: ObservedDelivery, error: unknown): void {
    this.logger.error(
      `The request ${id ?? ''} to "${queue}" failed, and its caller only gets "Internal server error": ` +
        causeOf(error),
      isExpected(error) ? undefined : summarize(error).stack,
    );
  }

  postponed(
    delivery: ObservedDelivery,
    { delayMs, slowsQueue, slowsKey }: More<'postponed'>,
  ): void {
    const what = slowsQueue === true ? 'queue' : slowsKey === true ? 'key' : undefined;
    const alike = what === undefined ? '' : `, and its ${what} to wait as long`;
    this.logger.debug(
      `Attempt ${delivery.attempt} of ${nameOf(delivery)} asked to run again in ${delayMs} ms${alike}.`,
    );
  }

  queueSlowed({ queue, error }: About<'queueSlowed'>): void {
    this.logger.error(
      `Nearly every attempt on "${queue}" fails, so only a few are made until they succeed again. ` +
        `Meanwhile, messages wait in the queue. The last error: ${causeOf(error)}`,
    );
  }

  queueRecovered({ queue, slowedMs }: About<'queueRecovered'>): void {
    const seconds = Math.round(slowedMs / 1_000);
    this.logger.log(`Attempts on "${queue}" succeed again, after ${seconds} s.`);
  }

  deadLettered(delivery: ObservedDelivery, { reason, error }: More<'deadLettered'>): void {
    this.logger.error(
      `Dead-lettered ${nameOf(delivery)} (${reason}): ${textOf(error)}`,
      error.stack,
    );
  }

  deadLettersDropped({ queue, dropped }: About<'deadLettersDropped'>): void {
    this.logger.error(
      `${dropped} dead letters of "${queue}" were dropped, the oldest first, and are lost: ` +
        'they were older than deadLetterMaxAgeMs, or exceeded deadLetterLimit.',
    );
  }

  skipped(delivery: ObservedDelivery, why: SkipReason): void {
    const { attempt, isLive, queue, id = '(without id)' } = delivery;
    this.logger.debug(
      isLive
        ? `Ran no handler for the live event ${id} of "${queue}": ${why}.`
        : `Did not run attempt ${attempt} of ${nameOf(delivery)}: ${why}.`,
    );
  }

  handedBack({ queue, deliveries }: About<'handedBack'>): void {
    this.logger.warn(
      `Handed back ${counted(deliveries, 'message')} of "${queue}": the handlers did not end within ` +
        'shutdownTimeoutMs. Other consumers run them again.',
    );
  }

  settledElsewhere({ queue, deliveries }: About<'settledElsewhere'>): void {
    this.logger.warn(
      `${counted(deliveries, 'message')} of "${queue}" had already been settled elsewhere when the result arrived.`,
    );
  }

  eventFailed({ queue }: ObservedDelivery, error: unknown): void {
    const summary = summarize(error);
    const text = `A handler of the event "${queue}" failed: ${saidBy(summary)}`;
    if (summary.stack === undefined || isExpected(error)) this.logger.error(text);
    else this.logger.error(text, summary.stack);
  }

  eventsDropped({ pattern, dropped }: About<'eventsDropped'>): void {
    this.logger.warn(
      `Dropped ${counted(dropped, 'live event')} of "${pattern}": too many (maxWaitingEvents) were already waiting for a handler. ` +
        'Make the handler faster, raise its concurrency, or give it a group, so that its events wait in Redis.',
    );
  }

  gap({ pattern, missed }: About<'gap'>): void {
    this.logger.warn(`Missed ${missed} live events of "${pattern}" for good.`);
  }

  eventsInterrupted({ times }: About<'eventsInterrupted'>): void {
    this.logger.warn(
      `The connection for live events was lost; events sent meanwhile were missed (${times} times so far).`,
    );
  }

  /** The stack, but only once if several messages failed with the same error. */
  #newStack(error: unknown): readonly string[] {
    const isKnown = typeof error === 'object' && error === this.#lastCause;
    this.#lastCause = error;
    const { stack } = summarize(error);
    return isKnown || stack === undefined || isExpected(error) ? [] : [stack];
  }
}

/** Names the queue if the type of one of its keys is wrong. Other refusals concern all queues, and are logged once. */
function withQueue(queue: string, error: unknown): unknown {
  if (!(error instanceof RedisRefusedError) || error.reply !== 'WRONGTYPE') return error;
  return refusalOf(queue, error);
}

function nameOf({ id = '(without id)', queue }: ObservedDelivery): string {
  return `message ${id} of "${queue}"`;
}

/** What was thrown, for a log line: name, message and what it carries. */
function causeOf(error: unknown): string {
  return textOf(summarize(error));
}

function textOf(summary: ErrorSummary): string {
  return `${summary.name}: ${saidBy(summary)}`;
}

function saidBy({ message, details }: ErrorSummary): string {
  return details === undefined ? message : `${message} ${asText(details)}`;
}

function asText(details: unknown): string {
  return typeof details === 'string' ? details : JSON.stringify(details);
}

/** An error whose message says enough: its stack is not worth logging. */
function isExpected(error: unknown): boolean {
  return (
    error instanceof RpcException ||
    error instanceof HttpException ||
    error instanceof RedisQueueError
  );
}

/** The text to log when an observer throws. */
export function observerFailed(event: string, error: unknown): string {
  return `An observer failed in ${event}(): ${causeOf(error)}`;
}
