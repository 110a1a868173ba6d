import type { Logger } from '@nestjs/common';
import type { ConsumerObserver } from '../core/consumer.js';
import type { Delivery } from '../core/delivery.js';
import type { SkipReason } from '../core/broker.js';
import { RedisRefusedError } from '../core/errors.js';
import type { Outcome } from '../core/outcome.js';
import type { FailureLog } from './failure-log.js';
import type { StatusEvents } from './status-events.js';

/** Writes what happens to one queue's consumer into Nest's log, and tells listeners of the server what they can hear. */
export class ConsumerLog implements ConsumerObserver {
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

  retried(delivery: Delivery, delayMs: number): void {
    const { attempt } = delivery.envelope;
    this.logger.warn(
      `Attempt ${attempt} of ${this.#name(delivery)} failed; the next one in ${delayMs} ms.`,
    );
  }

  deadLettered(delivery: Delivery, outcome: Outcome & { readonly kind: 'deadLetter' }): void {
    const { reason, error } = outcome;
    this.logger.error(
      `Parked ${this.#name(delivery)} with the dead letters: ${reason}: ${error.message}`,
      error.stack,
    );
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

  #name({ envelope }: Delivery): string {
    return `message ${envelope.id ?? '(without id)'} of "${this.queue}"`;
  }
}
