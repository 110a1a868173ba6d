import { homeContext } from '../process/own-context.js';
import type { ReceivedReply } from '../message/reply.js';
import type { Runtime, Timer } from '../process/runtime.js';

export type RequestListener = (reply: ReceivedReply) => void;

/** What did not arrive in time: the first reply, the next one, or the end of all replies. */
export type RequestPhase = 'first' | 'next' | 'all';

export interface RequestTimes {
  /** Longest time in ms until the first reply, and between two replies. */
  readonly timeoutMs: number;
  /** Longest time in ms until the last reply; undefined for no limit. */
  readonly totalTimeoutMs: number | undefined;
}

class OpenRequest {
  /** By `Runtime.now`, like all deadlines here. */
  readonly openedAt: number;
  phase: RequestPhase = 'first';
  #nextBy: number;

  constructor(
    readonly onReply: RequestListener,
    readonly onFailure: (error: unknown) => void,
    readonly onDeadline: (phase: RequestPhase) => unknown,
    private readonly times: RequestTimes,
    private readonly runtime: Pick<Runtime, 'now'>,
  ) {
    this.openedAt = runtime.now();
    this.#nextBy = this.openedAt + times.timeoutMs;
  }

  /** A reply has arrived, and more may follow. */
  goOn(): void {
    this.phase = 'next';
    this.#nextBy = this.runtime.now() + this.times.timeoutMs;
  }

  get deadline(): number {
    return Math.min(this.#nextBy, this.#allBy);
  }

  get duePhase(): RequestPhase {
    return this.#allBy < this.#nextBy ? 'all' : this.phase;
  }

  get #allBy(): number {
    return this.openedAt + (this.times.totalTimeoutMs ?? Infinity);
  }
}

/** The requests of one client that wait for replies. Each ends with its last reply, a failure, or a deadline. */
export class OpenRequests {
  #open = new Map<number, OpenRequest>();
  #lastNumber = 0;
  #forgotten = 0;
  #timer: Timer | undefined;
  #wakesAt = Infinity;
  readonly #home = homeContext();

  constructor(private readonly runtime: Runtime) {}

  get size(): number {
    return this.#open.size;
  }

  /** Returns the number that replies will carry. `onDeadline` makes the error for `onFailure`. */
  open(
    onReply: RequestListener,
    onFailure: (error: unknown) => void,
    onDeadline: (phase: RequestPhase) => unknown,
    times: RequestTimes,
  ): number {
    const request = ++this.#lastNumber;
    const open = new OpenRequest(onReply, onFailure, onDeadline, times, this.runtime);
    this.#open.set(request, open);
    const { deadline } = open;
    if (deadline < this.#wakesAt) this.#home.runInAsyncScope(this.#wakeAt, this, deadline);
    return request;
  }

  isOpen(request: number): boolean {
    return this.#open.has(request);
  }

  /** Numbers of the requests that got a reply and wait for more. */
  get streams(): readonly number[] {
    return [...this.#open].filter(([, { phase }]) => phase === 'next').map(([request]) => request);
  }

  /** Hands a reply to its caller; false if the request is no longer open. */
  deliver(reply: ReceivedReply): boolean {
    const open = this.#open.get(reply.request);
    if (open === undefined) return false;
    if (reply.last) this.forget(reply.request);
    else open.goOn();
    open.onReply(reply);
    return true;
  }

  fail(request: number, error: unknown): void {
    const open = this.#open.get(request);
    if (open === undefined) return;
    this.forget(request);
    open.onFailure(error);
  }

  failAll(error: unknown): void {
    for (const request of [...this.#open.keys()]) this.fail(request, error);
  }

  /** The caller has stopped listening. */
  forget(request: number): void {
    if (!this.#open.delete(request)) return;
    if (this.#open.size === 0) this.#sleep();
    this.#forgotten += 1;
    if (this.#forgotten < RENEW_AFTER) return;
    // A Map that lives for ever keeps the garbage collector from freeing what it held (see Running).
    this.#forgotten = 0;
    this.#open = new Map(this.#open);
  }

  #sleep(): void {
    this.runtime.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wakesAt = Infinity;
  }

  #wakeAt(time: number): void {
    this.runtime.clearTimeout(this.#timer);
    this.#wakesAt = time;
    this.#timer = this.runtime.setTimeout(
      () => this.#failOverdue(),
      Math.max(0, time - this.runtime.now()),
    );
  }

  #failOverdue(): void {
    this.#sleep();
    const now = this.runtime.now();
    let next = Infinity;
    for (const [request, open] of [...this.#open]) {
      const { deadline } = open;
      if (deadline <= now) this.fail(request, open.onDeadline(open.duePhase));
      else next = Math.min(next, deadline);
    }
    // With more open requests, a look costs more, so it happens less often.
    const notBefore = now + this.#open.size / LOOKED_AT_PER_MS;
    if (next < this.#wakesAt) this.#wakeAt(Math.max(next, notBefore));
  }
}

/** After this many requests, a new Map replaces the old one. */
const RENEW_AFTER = 1_000;
/** Per open request, how late a deadline may be noticed: 0.1 s for a hundred thousand requests. */
const LOOKED_AT_PER_MS = 1_000;
