export interface TroubleEvents {
  /** A call to Redis failed; it is tried again after a pause. */
  failed(error: unknown): void;
  /** The first call that worked after failures. */
  recovered(): void;
}

/** Knows whether calls to Redis fail, and reports it. */
export class Trouble {
  #isOn = false;

  constructor(private readonly events: TroubleEvents) {}

  failed(error: unknown): void {
    this.#isOn = true;
    this.events.failed(error);
  }

  succeeded(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.events.recovered();
  }
}
