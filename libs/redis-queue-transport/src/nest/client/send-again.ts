import {
  OutcomeUnknownError,
  QueueFullError,
  RedisRefusedError,
  RedisUnavailableError,
} from '../../core/errors/call-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import { homeContext } from '../../core/process/own-context.js';
import type { SendBudget } from '../../core/requests/send-budget.js';

export interface SendAgainTerms {
  /** How long, in ms, a call is tried. */
  readonly forMs: number;
  readonly budget: SendBudget;
  /** Waits for the connection, for as long as a call does. */
  readonly connected: () => Promise<void>;
}

/** A call whose outcome is unknown. */
interface Unknown<T> {
  readonly messageId: string;
  readonly bytes: number;
  /** By `performance.now()`, like `until`, after which no try begins. */
  readonly beganAt: number;
  readonly until: number;
  /** Sends it at once. */
  readonly send: () => Promise<T>;
  /** How often it was sent. */
  tries: number;
}

const MOST_TRIES = 20;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * After an unknown outcome, sends a message again until Redis is known to hold it. Redis recognises its id, so it holds
 * the message only once. Once the first outcome was unknown, tries also continue after other failures that may pass.
 * All waiting calls continue together, in the order in which they were sent.
 */
export class SendAgain {
  readonly #home = homeContext();
  #waiting: ((isTime: boolean) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** When waiting calls continue, by `performance.now()`; undefined while none wait. */
  #nextAt: number | undefined;
  /** Grows from round to round while nothing succeeds. */
  #pauseMs = FIRST_PAUSE_MS;
  #running = 0;
  #isStopped = false;

  constructor(private readonly terms: SendAgainTerms) {}

  /** Some calls have not ended yet. */
  get isBusy(): boolean {
    return this.#running > 0;
  }

  /**
   * Sends a message, and again if the outcome is unknown. Redis recognises its id for `windowMs` after the first try
   * that it executes.
   * @throws OutcomeUnknownError with the number of tries; if the outcome of the first try is known, the error of that
   * try
   */
  run<T>(messageId: string, bytes: number, windowMs: number, send: () => Promise<T>): Promise<T> {
    const { forMs } = this.terms;
    if (forMs === 0) return send();
    const beganAt = performance.now();
    const sent = send();
    this.#running += 1;
    return sent.then(this.#ended, (error: unknown) => {
      // The other half of the window leaves time for the last try to arrive.
      const until = beganAt + Math.min(forMs, windowMs / 2);
      return this.#failed({ messageId, bytes, beganAt, until, send, tries: 1 }, error);
    });
  }

  /** One function for all calls, since most of them end here. */
  readonly #ended = <T>(answer: T): T => {
    this.#running -= 1;
    return answer;
  };

  async #failed<T>(call: Unknown<T>, error: unknown): Promise<T> {
    try {
      if (isUnknown(error)) return await this.#again(call, error);
      throw error;
    } finally {
      this.#running -= 1;
    }
  }

  /** From now on, nothing is sent again. Waiting calls reject. */
  stop(): void {
    this.#isStopped = true;
    this.#goOn(false);
  }

  async #again<T>(call: Unknown<T>, first: OutcomeUnknownError): Promise<T> {
    let last: unknown = first;
    while (call.tries < MOST_TRIES && this.#mayWait(call)) {
      try {
        const sent = await this.#sendInTurn(call);
        if (sent === undefined) break;
        this.#pauseMs = FIRST_PAUSE_MS;
        return sent.answer;
      } catch (error) {
        last = error;
        if (!mayPass(error)) break;
      }
    }
    if (call.tries === 1 && last === first) throw first;
    throw unknownAfter(call, last);
  }

  /** Whether the next round is early enough and the budget has room to wait for it. Takes that room. */
  #mayWait({ bytes, until }: Unknown<unknown>): boolean {
    const isLate = (this.#nextAt ?? performance.now() + this.#pauseMs) >= until;
    return !this.#isStopped && !isLate && this.terms.budget.take(bytes) === undefined;
  }

  /** Waits for the next round and the connection, and sends. Undefined if it is too late by then. */
  async #sendInTurn<T>(call: Unknown<T>): Promise<{ readonly answer: T } | undefined> {
    try {
      const isTime = await new Promise<boolean>((resolve) => {
        this.#waiting.push(resolve);
        if (this.#nextAt === undefined) this.#home.runInAsyncScope(this.#wait, this);
      });
      if (!isTime) return undefined;
      await this.terms.connected();
      if (performance.now() >= call.until) return undefined;
    } finally {
      this.terms.budget.give(call.bytes); // the broker counts from here on, before anybody else can
    }
    call.tries += 1;
    return { answer: await call.send() };
  }

  #wait(): void {
    this.#nextAt = performance.now() + this.#pauseMs;
    this.#timer = setTimeout(() => this.#goOn(true), this.#pauseMs);
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
  }

  #goOn(isTime: boolean): void {
    clearTimeout(this.#timer);
    this.#nextAt = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const goOn of waiting) goOn(isTime);
  }
}

/** False if Redis executed only a part of the call: then it may hold the message but not its id. */
function isUnknown(error: unknown): error is OutcomeUnknownError {
  return error instanceof OutcomeUnknownError && !error.isPartial;
}

/** Whether the failure may pass: during a failover, for example, Redis refuses writes for a while. */
function mayPass(error: unknown): boolean {
  return (
    isUnknown(error) ||
    error instanceof QueueFullError ||
    error instanceof RedisUnavailableError ||
    error instanceof RedisRefusedError
  );
}

function unknownAfter(
  { messageId, beganAt, tries }: Unknown<unknown>,
  last: unknown,
): OutcomeUnknownError {
  const ms = Math.round(performance.now() - beganAt);
  const times = tries === 1 ? 'once' : `${tries} times`;
  return new OutcomeUnknownError(
    `It is unknown whether Redis holds the message ${messageId}. It was sent ${times} within ` +
      `${ms} ms. The last failure: ${messageOf(last)}`,
    messageId,
    { cause: last, tries, isPartial: last instanceof OutcomeUnknownError && last.isPartial },
  );
}
