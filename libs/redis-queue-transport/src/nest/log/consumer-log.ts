import { HttpException } from '@nestjs/common';
import type { Logger } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import type { ConsumerObserver } from '../../core/consumer/consumer-parts.js';
import type { Delivery } from '../../core/delivery/delivery.js';
import type { SkipReason } from '../../core/broker/broker.js';
import { RedisQueueError, RedisRefusedError } from '../../core/errors/errors.js';
import { summarize } from '../../core/delivery/outcome.js';
import type { ErrorSummary } from '../../core/errors/error-details.js';
import type { Outcome } from '../../core/delivery/outcome.js';
import { counted } from './counted.js';
import type { FailureLog } from './failure-log.js';
import type { StatusEvents } from './status-events.js';

/** Writes what happens to one queue's consumer into Nest's log, and tells listeners of the server what they can hear. */
export class ConsumerLog implements ConsumerObserver {
  #lastCause: unknown;

  constructor(
    private readonly queue: string,
    private readonly logger: Logger,
    private readonly failures: FailureLog,
    private readonly events: StatusEvents,
  ) {}

  failed(error: unknown): void {
    this.failures.failed(this.#withQueue(error));
  }

  recovered(): void {
    this.failures.recovered();
  }

  leaseLost(deliveries: number): void {
    this.logger.warn(
      `Lost the lease on "${this.queue}" with ${deliveries} running: others run them again. ` +
        'The event loop was blocked, or Redis away, for longer than leaseMs.',
    );
  }

  reclaimed(consumer: string, deliveries: number): void {
    this.logger.warn(
      `Took ${deliveries} deliveries of "${this.queue}" back from ${consumer}, which stopped renewing its lease.`,
    );
  }

  retried(delivery: Delivery, { delayMs, error }: Outcome & { readonly kind: 'retry' }): void {
    const { attempt, id } = delivery.envelope;
    this.logger.warn(
      `Attempt ${attempt} of ${this.#name(delivery)} failed; the next one in ${delayMs} ms: ${causeOf(error)}`,
      ...this.#newStack(error),
    );
    this.events.retried({ queue: this.queue, id, attempt, delayMs, error });
  }

  /** A request whose caller is told no more than that something went wrong. */
  untold(delivery: Delivery, error: unknown): void {
    this.logger.error(
      `The request ${delivery.envelope.id ?? ''} to "${this.queue}" failed, and its caller is told "Internal server error": ` +
        causeOf(error),
      isExpected(error) ? undefined : summarize(error).stack,
    );
  }

  postponed(delivery: Delivery, delayMs: number): void {
    const { attempt } = delivery.envelope;
    this.logger.debug(
      `Attempt ${attempt} of ${this.#name(delivery)} asked to come again later, in ${delayMs} ms.`,
    );
  }

  slowed(error: unknown): void {
    this.logger.error(
      `Nearly every attempt on "${this.queue}" fails, so only a few are made until they succeed again; ` +
        `messages wait in the queue meanwhile. The last error: ${causeOf(error)}`,
    );
    this.events.queueSlowed(this.queue, error);
  }

  spedUp(slowedMs: number): void {
    const seconds = Math.round(slowedMs / 1_000);
    this.logger.log(`Attempts on "${this.queue}" succeed again, after ${seconds} s.`);
    this.events.queueRecovered(this.queue, slowedMs);
  }

  deadLettered(delivery: Delivery, outcome: Outcome & { readonly kind: 'deadLetter' }): void {
    const { reason, error } = outcome;
    this.logger.error(
      `Parked ${this.#name(delivery)} with the dead letters: ${reason}: ${textOf(error)}`,
      error.stack,
    );
    const { id, attempt } = delivery.envelope;
    this.events.deadLettered({ queue: this.queue, id, attempt, reason, error });
  }

  deadLettersDropped(letters: number): void {
    this.logger.error(
      `${letters} dead letters of "${this.queue}" were dropped, the oldest first, and are lost: ` +
        'they were older than deadLetterMaxAgeMs, or more than deadLetterLimit.',
    );
    this.events.deadLettersDropped(this.queue, letters);
  }

  skipped(delivery: Delivery, why: SkipReason): void {
    const { attempt } = delivery.envelope;
    this.logger.debug(`Did not run attempt ${attempt} of ${this.#name(delivery)}: ${why}.`);
  }

  handedBack(deliveries: number): void {
    this.logger.warn(
      `Handed ${counted(deliveries, 'message')} of "${this.queue}" back: the handlers did not end within ` +
        'shutdownTimeoutMs. Other consumers run them again.',
    );
  }

  missing(deliveries: number): void {
    this.logger.warn(
      `${deliveries} deliveries of "${this.queue}" were settled already when their result came.`,
    );
  }

  /** Redis does not say which key it means. Other refusals hold for all queues, and are told once. */
  #withQueue(error: unknown): unknown {
    if (!(error instanceof RedisRefusedError) || error.reply !== 'WRONGTYPE') return error;
    return new RedisRefusedError(error.reply, `Queue "${this.queue}": ${error.message}`, {
      cause: error,
    });
  }

  /** Once for all messages that failed by the same error. */
  #newStack(error: unknown): readonly string[] {
    const isKnown = typeof error === 'object' && error === this.#lastCause;
    this.#lastCause = error;
    const { stack } = summarize(error);
    return isKnown || stack === undefined || isExpected(error) ? [] : [stack];
  }

  #name({ envelope }: Delivery): string {
    return `message ${envelope.id ?? '(without id)'} of "${this.queue}"`;
  }
}

export function liveExpiry(pattern: string, id = '(without id)'): string {
  return `Ran no handler for the live event ${id} of "${pattern}": expired.`;
}

/** Text and stack of what is logged when a handler of live events fails. */
export function liveFailure(pattern: string, error: unknown): [text: string, stack?: string] {
  const summary = summarize(error);
  const text = `A handler of the event "${pattern}" failed: ${saidBy(summary)}`;
  return summary.stack === undefined || isExpected(error) ? [text] : [text, summary.stack];
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

/** An error that tells what is wrong by itself: where it was thrown is of no interest. */
function isExpected(error: unknown): boolean {
  return (
    error instanceof RpcException ||
    error instanceof HttpException ||
    error instanceof RedisQueueError
  );
}
