import type { Lease } from './broker.js';
import type { Delivery } from './delivery.js';

export interface Run {
  readonly delivery: Delivery;
  /** Under which it was taken. */
  readonly lease: Lease;
  isOver: boolean;
}

/**
 * What runs, in the order in which it began. A list that is cleaned up now and then, and no Map: a Map that goes on
 * growing and shrinking gets new tables all the time, the old ones lead to the new, and so one that the garbage
 * collector has once taken for long-lived keeps everything that came later from being collected cheaply.
 */
export class RunningDeliveries {
  #runs: Run[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Answers what to give back to {@link end}. */
  begin(delivery: Delivery, lease: Lease): Run {
    if (this.#runs.length > 2 * this.#size + SPARE) this.#runs = this.list();
    const run = { delivery, lease, isOver: false };
    this.#runs.push(run);
    this.#size += 1;
    return run;
  }

  /** False when it was over before: released at a stop while it ran. */
  end(run: Run): boolean {
    if (run.isOver) return false;
    run.isOver = true;
    this.#size -= 1;
    return true;
  }

  list(): Run[] {
    return this.#runs.filter(({ isOver }) => !isOver);
  }

  /** Ends all, and answers what that was. */
  endAll(): readonly Run[] {
    const runs = this.list();
    for (const run of runs) this.end(run);
    return runs;
  }
}

/** So many that are over are kept before they are cleaned up. */
const SPARE = 64;
