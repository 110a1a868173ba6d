/** Called when its turn has come: it has a place. */
type Next = () => void;

/**
 * Places for all handlers of one process. If none is free, callers wait in line and get one in turn; while anyone
 * waits, none is free.
 */
export class Places {
  #free: number;
  #line: Next[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** Takes up to `most` free places and returns how many. */
  take(most: number): number {
    const taken = Math.min(most, this.#free);
    this.#free -= taken;
    return taken;
  }

  /** `next` gets one place in turn, and uses it or gives it back. */
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

/** The places of one queue, or of one handler of live events: occupied ones, and ones reserved for what starts next. */
export class OwnPlaces {
  #kept = 0;
  #isInLine = false;

  constructor(
    private readonly places: Places,
    /** Called when a place becomes free after {@link keep} found none. */
    private readonly onPlace: () => void,
  ) {}

  /** Reserves up to this many places and returns how many. If none is free, reports later when there is one. */
  keep(most: number): number {
    if (most <= 0) return 0;
    if (this.#kept < most) this.#kept += this.places.take(most - this.#kept);
    if (this.#kept === 0) this.#standInLine();
    return Math.min(most, this.#kept);
  }

  /** Occupies a reserved place. */
  begin(): void {
    this.#kept -= 1;
  }

  end(): void {
    this.places.giveBack(1);
  }

  /** Gives back the reserved places. */
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
