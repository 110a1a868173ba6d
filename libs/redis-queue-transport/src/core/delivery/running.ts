/** Something that is running; made by {@link Running}. */
export class Run<T> {
  isOver = false;

  constructor(readonly item: T) {}
}

/**
 * What is running, in the order of the starts.
 *
 * An array that is cleaned up now and then, not a Map: a Map that keeps growing and shrinking allocates new tables all
 * the time, and old tables refer to new ones. Once the garbage collector has moved one of them to the old generation,
 * it can no longer collect the later ones cheaply.
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

  /** False if it was already over. */
  end(run: Run<T>): boolean {
    if (run.isOver) return false;
    run.isOver = true;
    this.#size -= 1;
    return true;
  }

  /** Ends the ones that match. */
  endWhere(isMeant: (item: T) => boolean): void {
    for (const run of this.#unfinished()) if (isMeant(run.item)) this.end(run);
  }

  items(): T[] {
    return this.#unfinished().map(({ item }) => item);
  }

  /** Ends and returns all. */
  endAll(): readonly T[] {
    const runs = this.#unfinished();
    for (const run of runs) this.end(run);
    return runs.map(({ item }) => item);
  }

  #unfinished(): Run<T>[] {
    return this.#runs.filter(({ isOver }) => !isOver);
  }
}

/** How many ended runs may stay in the array beyond the number of running ones. */
const MOST_OVER = 64;
