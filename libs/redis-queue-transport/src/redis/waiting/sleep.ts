import { pause } from '../../core/process/pause.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Timer } from '../../core/process/runtime.js';
import type { Connection } from '../connection/connection.js';
import { fallAsleep } from './fall-asleep.script.js';
import type { SleepingPlace } from './fall-asleep.script.js';
import { stopSleeping } from './stop-sleeping.script.js';
import type { Sleeper, ToldSleepers } from './tracking.js';

/** A consumer that was woken looks at once, and sleeps again at once if it has a place left. */
const LOOKS_WITHIN_MS = 250;
const SLEEPS_WITHIN_MS = 20;

/** Looks in vain, one soon after the other, that are followed by no pause. */
const FREE_LOOKS = 2;
const LONGEST_PAUSE_MS = 20;
/** After this time, a look is not counted with those before. */
const SOON_MS = 100;

/**
 * - `look`: messages may wait.
 * - `again`: Redis may have forgotten that it sleeps, or no longer tell it.
 * - `end`: it is to wait in another way, or not at all.
 */
type Woken = 'look' | 'again' | 'end';

export type SleepState = 'asleep' | 'awake' | 'unknown';

/** What the sleep of a consumer needs from its lease. */
export interface SleepSurroundings {
  readonly commands: Connection;
  readonly tracking: ToldSleepers;
  readonly keys: Readonly<Record<'consumers' | 'waiting' | 'sleepers' | 'wake', string>>;
}

/**
 * Waits for messages without a command that blocks. The consumers that sleep are in the order in which they fell asleep; the
 * first few, the watchers, have Redis tell them of each change of the list of waiting messages. A watcher that takes
 * messages, or has no place for one, gives its place among them to the next.
 */
export class Sleep implements Sleeper {
  /** Redis has it among those that sleep. */
  #isListed = false;
  #isWatcher = false;
  #hasSlept = false;
  #wake: ((woken: Woken) => void) | undefined;
  #leaving: Promise<void> = Promise.resolve();
  #leaveTimer: Timer | undefined;
  #isOver = false;
  #inVain = 0;
  #lookedAt = 0;

  constructor(
    private readonly consumer: string,
    private readonly at: SleepSurroundings,
  ) {}

  /** The list whose changes wake it. */
  get list(): string {
    return this.at.keys.waiting;
  }

  get isRunning(): boolean {
    return this.#wake !== undefined;
  }

  /** What a renewal of the lease may count on. It does nothing about what is unknown. */
  get state(): SleepState {
    if (this.isRunning && this.#isListed) return 'asleep';
    return this.#hasSlept && !this.#isListed ? 'awake' : 'unknown';
  }

  /** Sleeps until messages may wait, or until it is ended by the signal or by {@link end}: then returns undefined. */
  async until(signal: AbortSignal): Promise<'look' | 'leaseLost' | undefined> {
    const { commands, tracking } = this.at;
    await commands.ready();
    await this.#leaving;
    if (signal.aborted || this.#isOver) return undefined;
    nodeRuntime.clearTimeout(this.#leaveTimer);
    const end = (): void => this.end();
    signal.addEventListener('abort', end, { once: true });
    tracking.add(this);
    this.#hasSlept = true;
    try {
      return await this.#sleep(signal);
    } finally {
      this.#wake = undefined;
      signal.removeEventListener('abort', end);
      tracking.remove(this);
      this.#leaveIn(LOOKS_WITHIN_MS);
    }
  }

  async #sleep(signal: AbortSignal): Promise<'look' | 'leaseLost' | undefined> {
    for (;;) {
      // Before Redis is asked, so that no news is missed.
      const woken = new Promise<Woken>((resolve) => {
        this.#wake = resolve;
      });
      const place = await this.#place();
      if (place === 'leaseLost') return place;
      if (place === 'look' || this.#isWatcher) await this.#keepPace(signal);
      if (signal.aborted) return undefined;
      if (place === 'watcher') this.at.tracking.watch(this);
      const news = place === 'look' ? place : await woken;
      if (news === 'look') this.#lookedAt = performance.now();
      if (news !== 'again') return news === 'look' ? news : undefined;
      this.#isListed = false;
      this.#isWatcher = false;
    }
  }

  async #place(): Promise<SleepingPlace> {
    if (this.#isListed) return this.#isWatcher ? 'watcher' : 'sleeper';
    const { commands, keys } = this.at;
    const place = await fallAsleep.run(commands, keys, { consumer: this.consumer });
    this.#isListed = place === 'watcher' || place === 'sleeper';
    if (place === 'watcher') this.#isWatcher = true;
    return place;
  }

  /** Where others are quicker, again and again, looks do not follow each other at once. */
  async #keepPace(signal: AbortSignal): Promise<void> {
    const isSoon = performance.now() - this.#lookedAt < SOON_MS;
    this.#inVain = isSoon ? this.#inVain + 1 : 0;
    const ms = Math.min(2 ** (this.#inVain - FREE_LOOKS), LONGEST_PAUSE_MS);
    if (this.#inVain > FREE_LOOKS) await pause(ms, signal, nodeRuntime);
  }

  /** Messages may wait. */
  look(): void {
    this.#wake?.('look');
  }

  /** Messages wait, and the watchers have not taken them: it watches as well from now on. */
  lookAndWatch(): void {
    if (this.#isListed) this.#isWatcher = true;
    this.look();
  }

  /** It is one of the watchers now. */
  becomeWatcher(): void {
    if (!this.#isListed || this.#isWatcher) return;
    this.#isWatcher = true;
    if (this.isRunning) this.at.tracking.watch(this);
  }

  /** Makes sure that Redis tells it. */
  again(): void {
    this.#isListed = false;
    this.#isWatcher = false;
    this.#wake?.('again');
  }

  end(): void {
    this.#wake?.('end');
  }

  /** An exchange has taken so many of those that it asked for. */
  exchanged(take: number, taken: number): void {
    if (taken > 0) this.#inVain = 0;
    if (!this.#isListed || this.isRunning) return;
    if (taken > 0 && taken >= take) this.#leaveIn(0);
    else this.#leaveIn(SLEEPS_WITHIN_MS);
  }

  /** It will not sleep again. */
  over(): void {
    this.#isOver = true;
    nodeRuntime.clearTimeout(this.#leaveTimer);
    this.end();
  }

  /** It waits in another way now. */
  leaveSoon(): void {
    if (this.#isListed) this.#leaveIn(0);
  }

  #leaveIn(ms: number): void {
    nodeRuntime.clearTimeout(this.#leaveTimer);
    if (!this.#isListed || this.#isOver) return;
    this.#leaveTimer = nodeRuntime.setTimeout(() => {
      this.#leaving = this.#leave();
    }, ms);
  }

  /** Never rejects: the next renewal makes up for it. */
  async #leave(): Promise<void> {
    if (!this.#isListed || this.isRunning) return;
    this.#isListed = false;
    this.#isWatcher = false;
    const { commands, keys } = this.at;
    const { consumer } = this;
    await stopSleeping.run(commands, keys, { consumer, wake: keys.wake }).catch(() => undefined);
  }
}
