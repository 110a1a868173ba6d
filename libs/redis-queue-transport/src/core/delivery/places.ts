/** Is in line for a place. */
type Next = () => void;

/**
 * Places for the handlers of one process, whatever they handle. Who finds none free stands in line, and gets one when it
 * is its turn: while anybody stands there, none is free.
 */
export class Places {
  #free: number;
  #line: Next[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** Takes as many of them as are free, and answers how many. */
  take(most: number): number {
    const taken = Math.min(most, this.#free);
    this.#free -= taken;
    return taken;
  }

  /** `next` is given one place in its turn; it uses it, or gives it back. */
  standInLine(next: Next): void {
    this.#line.push(next);
  }

  giveBack(places: number): void {
    this.#free += places;
    while (this.#free > 0) {
      const next = this.#line.shift();
      if (next === undefined) return;
      this.#free -= 1;
      next();
    }
  }
}

/** The places of one queue, or of one handler of live events: those that run, and those that are kept for what starts next. */
export class OwnPlaces {
  #kept = 0;
  #isInLine = false;

  constructor(
    private readonly places: Places,
    /** There is one now that was not there when {@link keep} was asked. */
    private readonly onPlace: () => void,
  ) {}

  /** Keeps places for up to so many, and answers for how many: with none, it is told when there is one. */
  keep(most: number): number {
    if (most <= 0) return 0;
    if (this.#kept < most) this.#kept += this.places.take(most - this.#kept);
    if (this.#kept === 0) this.#standInLine();
    return Math.min(most, this.#kept);
  }

  /** Begins in a place that is kept. */
  begin(): void {
    this.#kept -= 1;
  }

  end(): void {
    this.places.giveBack(1);
  }

  /** Whatever is kept is for others now. */
  release(): void {
    const kept = this.#kept;
    this.#kept = 0;
    if (kept > 0) this.places.giveBack(kept);
  }

  #standInLine(): void {
    if (this.#isInLine) return;
    this.#isInLine = true;
    this.places.standInLine(() => {
      this.#isInLine = false;
      this.#kept += 1;
      this.onPlace();
    });
  }
}
