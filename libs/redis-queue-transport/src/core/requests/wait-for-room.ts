import type { QueueLength } from '../broker/broker.js';
import { OutcomeUnknownError, QueueFullError } from '../errors/call-errors.js';
import { homeContext } from '../process/own-context.js';
import type { Runtime, Timer } from '../process/runtime.js';
import type { SendBudget } from './send-budget.js';

export interface WaitForRoomTerms {
  readonly runtime: Runtime;
  /** What waits counts as sent and not replied to yet. */
  readonly budget: SendBudget;
  /** How long a queue is, and how long it may be. */
  readonly length: (queue: string) => Promise<QueueLength>;
}

/** The pauses between two looks at a full queue double from one to the other. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;

/** Sends messages again that were refused because their queue was full, until it has room or their time is over. */
export class WaitForRoom {
  readonly #lines = new Map<string, Line>();
  #running = 0;
  #isStopped = false;

  constructor(private readonly terms: WaitForRoomTerms) {}

  /** Some calls have not ended yet. */
  get isBusy(): boolean {
    return this.#running > 0;
  }

  /**
   * Sends, and after `QueueFullError` again for up to `waitMs`. Calls with the same name of a line that wait keep their
   * order: while some do, a new one waits behind them.
   * @throws QueueFullError if there was no room in time; SenderFullError if too much waits already
   */
  async run<T>(name: string, bytes: number, waitMs: number, send: () => Promise<T>): Promise<T> {
    const until = this.terms.runtime.now() + waitMs;
    this.#running += 1;
    try {
      const line = this.#lines.get(name);
      if (line !== undefined) return await line.add(bytes, until, send);
      return await send().catch((error: unknown) => {
        if (this.#isStopped || !(error instanceof QueueFullError)) throw error;
        return this.#lineOf(name, error).add(bytes, until, send);
      });
    } finally {
      this.#running -= 1;
    }
  }

  /** Nothing is sent again from now on. Calls that wait reject. */
  stop(): void {
    this.#isStopped = true;
    for (const line of this.#lines.values()) line.stop();
  }

  #lineOf(name: string, refusal: QueueFullError): Line {
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const line = new Line(this.terms, refusal, () => this.#lines.delete(name));
    this.#lines.set(name, line);
    return line;
  }
}

interface Waiting {
  readonly bytes: number;
  /** When its time is over, by the clock of the runtime. */
  readonly until: number;
  readonly send: () => Promise<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Calls that wait for room in one queue, in the order in which they were made. */
class Line {
  readonly #home = homeContext();
  #waiting: Waiting[] = [];
  #pauseMs = FIRST_PAUSE_MS;
  #timer: Timer | undefined;
  /** A look at the queue is under way, or calls were sent and have no reply yet. */
  #isLooking = false;
  #isStopped = false;
  /** Why those that wait have not been sent yet. */
  #reason: unknown;

  constructor(
    private readonly terms: WaitForRoomTerms,
    /** The last one. */
    private refusal: QueueFullError,
    private readonly onEmpty: () => void,
  ) {
    this.#reason = refusal;
  }

  add<T>(bytes: number, until: number, send: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // What `send` returns is what `resolve` takes.
      this.#keep({ bytes, until, send, resolve: resolve as Waiting['resolve'], reject });
      if (this.#timer === undefined && !this.#isLooking) this.#pause();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#end(this.#waiting.splice(0));
    if (!this.#isLooking) this.#pause();
  }

  /** Adds it behind the others. */
  #keep(call: Waiting): void {
    const full = this.terms.budget.take(call.bytes);
    if (full === undefined) this.#waiting.push(call);
    else call.reject(full);
  }

  /** Until the next look, or until the time of a call is over. */
  #pause(): void {
    const { runtime } = this.terms;
    runtime.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return this.onEmpty();
    const first = this.#waiting.reduce((least, { until }) => Math.min(least, until), Infinity);
    const ms = Math.max(1, Math.min(this.#pauseMs, first - runtime.now()));
    this.#home.runInAsyncScope(() => {
      this.#timer = runtime.setTimeout(() => void this.#look(), ms);
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#isLooking = true;
    let hasSentAll = true;
    while (hasSentAll && this.#waiting.length > 0) {
      this.#endLate();
      const room = await this.#room();
      hasSentAll = room > 0 && (await this.#send(this.#waiting.splice(0, room)));
      this.#pauseMs = room > 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
    }
    this.#isLooking = false;
    this.#pause();
  }

  #endLate(): void {
    const now = this.terms.runtime.now();
    const late = this.#waiting.filter(({ until }) => until <= now);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter(({ until }) => until > now);
    this.#end(late);
  }

  #end(calls: readonly Waiting[]): void {
    for (const { bytes, reject } of calls) {
      this.terms.budget.give(bytes);
      reject(this.#reason);
    }
  }

  /** For how many messages there is room now. */
  async #room(): Promise<number> {
    const { queue } = this.refusal;
    try {
      const { length, maxLength = Infinity } = await this.terms.length(queue);
      if (length < maxLength) return maxLength - length;
      this.#reason = new QueueFullError(queue, length, maxLength);
    } catch (error) {
      // An unknown outcome is that of this question, and not of a message.
      if (!(error instanceof OutcomeUnknownError)) this.#reason = error;
    }
    return 0;
  }

  /** Sends these. Returns whether all were accepted; others go back to the front. Never rejects. */
  async #send(calls: readonly Waiting[]): Promise<boolean> {
    const sent = calls.map(({ bytes, send }) => {
      this.terms.budget.give(bytes); // the broker counts from here on, before anybody else can
      return send();
    });
    const ends = await Promise.allSettled(sent);
    const behind = this.#waiting;
    this.#waiting = [];
    ends.forEach((end, index) => {
      const call = calls[index];
      if (call === undefined) return; // there is one for each end
      if (end.status === 'fulfilled') call.resolve(end.value);
      else if (end.reason instanceof QueueFullError) this.#again(call, end.reason);
      else call.reject(end.reason);
    });
    const hasSentAll = this.#waiting.length === 0;
    this.#waiting.push(...behind);
    return hasSentAll;
  }

  #again(call: Waiting, refusal: QueueFullError): void {
    this.refusal = refusal;
    this.#reason = refusal;
    if (this.#isStopped) call.reject(refusal);
    else this.#keep(call);
  }
}
