/** Something that runs; made by {@link Running}. */
export class Run<T> {
  isOver = false;

  constructor(readonly item: T) {}
}

/**
 * What runs, in the order in which it began.
 *
 * A list that is cleaned up now and then, and no Map: a Map that goes on growing and shrinking gets new tables all the
 * time, the old ones lead to the new, and so one that the garbage collector has once taken for long-lived keeps
 * everything that came later from being collected cheaply.
 */
export class Running<T> {
  #runs: Run<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  begin(item: T): Run<T> {
    if (this.#runs.length > 2 * this.#size + MOST_OVER) this.#runs = this.#unfinished();
    const run = new Run(item);
    this.#runs.push(run);
    this.#size += 1;
    return run;
  }

  /** False when it was over before. */
  end(run: Run<T>): boolean {
    if (run.isOver) return false;
    run.isOver = true;
    this.#size -= 1;
    return true;
  }

  /** Ends those of which it is true. */
  endWhere(isMeant: (item: T) => boolean): void {
    for (const run of this.#unfinished()) if (isMeant(run.item)) this.end(run);
  }

  items(): T[] {
    return this.#unfinished().map(({ item }) => item);
  }

  /** Ends all, and answers what that was. */
  endAll(): readonly T[] {
    const runs = this.#unfinished();
    for (const run of runs) this.end(run);
    return runs.map(({ item }) => item);
  }

  #unfinished(): Run<T>[] {
    return this.#runs.filter(({ isOver }) => !isOver);
  }
}

/** So many runs that are over may stay beyond those that are not. */
const MOST_OVER = 64;
