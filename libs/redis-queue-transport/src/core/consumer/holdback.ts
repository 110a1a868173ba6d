import type { Limited } from '../broker/limit.js';
import type { Runtime, Timer } from '../process/runtime.js';

/** The longest delay that Node's timers support. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Knows whether the queue lets this consumer take nothing more, because of its limit, and when to look again. */
export class Holdback {
  #limited: Limited | undefined;
  #timer: Timer | undefined;

  constructor(
    /**
     * When, in ms, to look again if the queue does not tell, and at the latest if it was slowed down: Redis's clock may be set
     * meanwhile.
     */
    private readonly lookInMs: number,
    /** It is time to look. */
    private readonly over: () => void,
    private readonly runtime: Runtime,
  ) {}

  /** Messages wait that may not be taken yet. While true, a timer runs. */
  get isOn(): boolean {
    return this.#limited !== undefined;
  }

  /** What has not started may not start either. */
  get isSlowed(): boolean {
    return this.#limited?.isSlowed === true;
  }

  /** The queue has told whether it is limited now. */
  told(limited: Limited | undefined): void {
    if (limited === undefined && this.#limited === undefined) return;
    this.runtime.clearTimeout(this.#timer);
    this.#limited = limited;
    if (limited !== undefined) this.#plan(limited);
  }

  #plan({ inMs = this.lookInMs, spreadMs, isSlowed }: Limited): void {
    const ms = inMs + this.runtime.random() * spreadMs;
    const longest = isSlowed ? this.lookInMs : LONGEST_TIMER_MS;
    this.#timer = this.runtime.setTimeout(
      () => {
        this.#limited = undefined;
        this.over();
      },
      Math.min(ms, longest),
    );
  }
}
