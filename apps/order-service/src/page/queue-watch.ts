import { Injectable } from '@nestjs/common';
import { type DeadLetterEntry, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { DeadLetterRow, QueueRow } from '../../browser/live-view.js';

const DEAD_LETTERS_SHOWN = 10;
/** The error and the data can both be long: a validation may have many reasons. */
const MOST_OF_AN_ERROR = 500;
const MOST_OF_DATA = 200;

/** The queues and their dead letters. */
@Injectable()
export class QueueWatch {
  constructor(private readonly admin: RedisQueueAdmin) {}

  /** The queues that can be looked at. The command line and the doctor tell more about the others. */
  async queues(): Promise<QueueRow[]> {
    const { queues } = await this.admin.overview();
    return queues.map(
      ({ queue, waiting, inLanes, unkeyed, suspects, processing, delayed, dead, consumers }) => ({
        queue,
        waiting: waiting + inLanes + unkeyed + suspects,
        processing,
        delayed,
        dead,
        consumers,
      }),
    );
  }

  /** The newest first. */
  async deadLetters(queues: readonly QueueRow[]): Promise<DeadLetterRow[]> {
    const withDead = queues.filter(({ dead }) => dead > 0);
    const letters = await Promise.all(withDead.map(({ queue }) => this.#deadLettersOf(queue)));
    return letters
      .flat()
      .sort((a, b) => (a.deadAt < b.deadAt ? 1 : -1))
      .slice(0, DEAD_LETTERS_SHOWN);
  }

  async #deadLettersOf(queue: string): Promise<DeadLetterRow[]> {
    const { letters } = await this.admin.deadLetters(queue, {
      newestFirst: true,
      limit: DEAD_LETTERS_SHOWN,
      // The page asks every second.
      withLarge: false,
    });
    return letters.map(({ entry, reason, error, data, deadAt }) => ({
      entry,
      queue,
      reason,
      error: describe(error).slice(0, MOST_OF_AN_ERROR),
      data: jsonOf(data).slice(0, MOST_OF_DATA),
      deadAt: deadAt.toISOString(),
    }));
  }
}

/** Data is undefined, and has no JSON, if it cannot be read, or is large and was left unread. */
function jsonOf(data: unknown): string {
  try {
    return JSON.stringify(data) ?? '';
  } catch {
    return 'nested too deeply'; // JSON.parse reads what JSON.stringify does not write
  }
}

/** The reasons of a validation, which its message does not name; or the message. */
function describe({ message, details }: DeadLetterEntry['error']): string {
  if (typeof details !== 'object' || details === null || !('message' in details)) return message;
  return [details.message].flat().join('; ');
}
