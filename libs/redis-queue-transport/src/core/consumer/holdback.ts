import type { Limited } from '../broker/limit.js';
import type { Runtime, Timer } from '../process/runtime.js';

/** The longest delay that Node's timers support. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Knows whether the queue lets this consumer take nothing more, because of its limit, and when to look again. */
export class Holdback {
  #limited: Limited | undefined;
  /** Whether the queue may have been slowed down since it was asked last: news of that was heard, or it was asked then. */
  #doubt: 'none' | 'heard' | 'asked' = 'none';
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

  /** Messages wait that may not be taken yet. While true, a timer runs, or the queue is to be asked. */
  get isOn(): boolean {
    return this.#limited !== undefined || this.#doubt !== 'none';
  }

  /** What has not started may not start either. */
  get isSlowed(): boolean {
    return this.#limited?.isSlowed === true || this.#doubt !== 'none';
  }

  /** Only an exchange that begins now can tell whether the queue is slowed down. */
  get mustAsk(): boolean {
    return this.#doubt === 'heard';
  }

  /** The queue was slowed down: news, ahead of any reply. */
  hearSlowDown(): void {
    this.#doubt = 'heard';
  }

  /** An exchange begins. */
  asks(): void {
    if (this.#doubt === 'heard') this.#doubt = 'asked';
  }

  /** The exchange has returned, and its reply was followed. News that arrived meanwhile may be later than the reply. */
  answered(): void {
    if (this.#doubt === 'asked') this.#doubt = 'none';
  }

  /** The exchange failed. */
  notAnswered(): void {
    if (this.#doubt === 'asked') this.#doubt = 'heard';
  }

  /** The lease is lost, and what it was told with it. */
  forget(): void {
    this.#doubt = 'none';
    this.told(undefined);
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
