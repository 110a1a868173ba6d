import type { JournalEntry } from '../support/journal.js';

/** A handler in one process. */
export interface HandlerOf {
  readonly pid: number;
  readonly queue: string;
}

/** How many handlers of messages with such ids ran at once, by the consumers' journals. A batch counts as one. */
export class RunningHolds {
  readonly #running = new Map<string, Set<string>>();
  readonly #most = new Map<string, number>();

  constructor(private readonly isHold: (id: string) => boolean) {}

  note(entries: readonly JournalEntry[]): void {
    for (const { event, id, pid, queue, attempt, batch } of entries) {
      if (queue === undefined || !this.isHold(id)) continue;
      const key = keyOf({ pid, queue });
      const running = this.#running.get(key) ?? new Set();
      this.#running.set(key, running);
      const run = batch === undefined ? `${id} ${attempt}` : `batch ${batch}`;
      if (event === 'start') running.add(run);
      else if (event === 'end' || event === 'aborted') running.delete(run);
      this.#most.set(key, Math.max(this.#most.get(key) ?? 0, running.size));
    }
  }

  most(handler: HandlerOf): number {
    return this.#most.get(keyOf(handler)) ?? 0;
  }
}

function keyOf({ pid, queue }: HandlerOf): string {
  return `${pid} ${queue}`;
}
