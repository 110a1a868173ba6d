import type {
  Immediate,
  Runtime,
  Timer,
} from '../../../libs/redis-queue-transport/src/core/process/runtime.js';
import type { Random } from './random.js';
import type { VirtualEvent, VirtualTime } from './virtual-time.js';

export interface ProcessClocks {
  /** How fast its monotonic clock goes: 1 is right. */
  readonly rate: number;
  /** How far its wall clock is ahead, in ms. */
  readonly wallAheadMs: number;
}

/** 2026-01-01. */
const WALL_AT_START_MS = 1_767_225_600_000;

class SetTimer {
  event: VirtualEvent | undefined;

  constructor(
    readonly run: () => void,
    /** By the process's own monotonic clock. */
    readonly dueAt: number,
  ) {}
}

/** The clocks, timers and chance of one simulated process, which can freeze, sleep, compute for long, and die. */
export class ProcessRuntime implements Runtime {
  #isDead = false;
  #frozenUntilMs = 0;
  #busyUntilMs = 0;
  /** How long its machine slept: the monotonic clock stood still, the wall clock went on. */
  #sleptMs = 0;
  #wallAheadMs: number;

  constructor(
    private readonly time: VirtualTime,
    private readonly chance: Random,
    private readonly clocks: ProcessClocks,
  ) {
    this.#wallAheadMs = clocks.wallAheadMs;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Where the process is in the time of the run: ahead of it while it computes. */
  get localMs(): number {
    return Math.max(this.time.now, this.#busyUntilMs);
  }

  die(): void {
    this.#isDead = true;
  }

  /** It stands still for so long; its clocks go on. */
  freeze(ms: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.time.now + ms);
  }

  /** Its machine is suspended for so long. */
  sleep(ms: number): void {
    this.freeze(ms);
    this.#sleptMs += ms;
    // What it computes goes on when it wakes.
    if (this.#busyUntilMs > this.time.now) this.#busyUntilMs += ms;
  }

  /** Blocks its event loop for so long, from where it is. */
  compute(ms: number): void {
    this.#busyUntilMs = this.localMs + ms;
  }

  setWall(aheadMs: number): void {
    this.#wallAheadMs = aheadMs;
  }

  /** Has it run at this time of the run, or as soon as it can. */
  post(atMs: number, run: () => void): VirtualEvent {
    const go = (): void => {
      if (this.#isDead || event.run === undefined) return;
      const readyAt = Math.max(this.#frozenUntilMs, this.#busyUntilMs);
      if (readyAt <= this.time.now) run();
      else this.time.at(readyAt, go, event.order);
    };
    const event = this.time.at(atMs, go);
    return event;
  }

  now(): number {
    return (this.localMs - this.#sleptMs) * this.clocks.rate + 1_000;
  }

  wallClock(): number {
    return Math.floor(WALL_AT_START_MS + this.localMs + this.#wallAheadMs);
  }

  setTimeout(run: () => void, ms: number): Timer {
    const timer = new SetTimer(run, this.now() + Math.max(1, ms));
    this.#set(timer);
    return timer;
  }

  /** It may have slept meanwhile. */
  #set(timer: SetTimer): void {
    const inMs = (timer.dueAt - this.now()) / this.clocks.rate;
    timer.event = this.post(this.localMs + inMs, () => {
      if (timer.dueAt - this.now() > 0.001) return this.#set(timer);
      timer.event = undefined;
      timer.run();
    });
  }

  clearTimeout(timer: Timer | undefined): void {
    if (!(timer instanceof SetTimer) || timer.event === undefined) return;
    this.time.cancel(timer.event);
  }

  setImmediate(run: () => void): Immediate {
    return this.post(this.localMs, run);
  }

  clearImmediate(immediate: Immediate | undefined): void {
    if (immediate !== undefined) this.time.cancel(immediate as VirtualEvent); // `setImmediate` returned it
  }

  random(): number {
    return this.chance.next();
  }

  randomBytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.chance.between(0, 255)));
  }
}
