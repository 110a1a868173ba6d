import type { QueueOverview, QueuesOverview } from '../index.js';
import type { ResolvedHealthOptions } from './health-options.js';
import { seconds } from './verdict.js';
import type { Findings } from './verdict.js';

interface Seen {
  /** Includes those that were ever dropped: at a limit, the number of dead letters no longer grows. */
  readonly letters: number;
  /** When their number last grew, by `performance.now()`. */
  readonly grewAt: number;
}

/** Compares queues with their limits, and their dead letters with those that were there before. */
export class QueueFindings {
  readonly #deadLetters = new Map<string, Seen>();

  constructor(
    private readonly options: Pick<ResolvedHealthOptions, 'queues' | 'deadLettersForMs'>,
  ) {}

  look({ queues, unreadable }: QueuesOverview, findings: Findings): void {
    for (const { error } of unreadable)
      findings.isDegraded(`A queue cannot be looked at: ${error.message}`);
    for (const one of queues) {
      this.#compareWithLimits(one, findings);
      this.#countDeadLetters(one, findings);
    }
  }

  #compareWithLimits({ queue, waiting, oldestAgeMs = 0 }: QueueOverview, findings: Findings): void {
    const limits = this.options.queues.get(queue);
    if (limits?.waiting !== undefined && waiting > limits.waiting)
      findings.isDegraded(`${waiting} messages wait in "${queue}", more than ${limits.waiting}.`);
    if (limits?.oldestAgeMs !== undefined && oldestAgeMs > limits.oldestAgeMs)
      findings.isDegraded(
        `The oldest message of "${queue}" has waited for ${seconds(oldestAgeMs)}, longer than ${seconds(limits.oldestAgeMs)}.`,
      );
  }

  #countDeadLetters({ queue, dead, deadLettersDropped }: QueueOverview, findings: Findings): void {
    const now = performance.now();
    const letters = dead + deadLettersDropped;
    const before = this.#deadLetters.get(queue);
    const hasGrown = before !== undefined && letters > before.letters;
    const grewAt = hasGrown ? now : (before?.grewAt ?? -Infinity);
    this.#deadLetters.set(queue, { letters, grewAt });
    const agoMs = now - grewAt;
    if (agoMs <= this.options.deadLettersForMs)
      findings.isDegraded(
        `"${queue}" got a new dead letter in the last ${seconds(this.options.deadLettersForMs)}; it has ${dead}.`,
      );
  }
}
