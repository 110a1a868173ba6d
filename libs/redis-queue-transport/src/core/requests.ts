import { homeContext } from './own-context.js';
import type { ReceivedReply } from './reply.js';

export type RequestListener = (reply: ReceivedReply) => void;

interface OpenRequest {
  readonly onReply: RequestListener;
  readonly onFailure: (error: unknown) => void;
  readonly onDeadline: () => unknown;
  /** By `performance.now()`. */
  readonly deadline: number;
}

/**
 * The requests of one client that still wait for their reply. Each ends by its last reply, a failure, or its deadline.
 * All have the same time, so the oldest is due first, and one timer is enough.
 */
export class OpenRequests {
  #open = new Map<number, OpenRequest>();
  #lastNumber = 0;
  #forgotten = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #home = homeContext();

  constructor(private readonly timeoutMs: number) {}

  get size(): number {
    return this.#open.size;
  }

  /** Answers the number under which the reply will come. `onDeadline` makes the error for `onFailure`. */
  open(
    onReply: RequestListener,
    onFailure: (error: unknown) => void,
    onDeadline: () => unknown,
  ): number {
    const request = ++this.#lastNumber;
    const deadline = performance.now() + this.timeoutMs;
    this.#open.set(request, { onReply, onFailure, onDeadline, deadline });
    if (this.#timer === undefined) this.#home.runInAsyncScope(this.#wakeIn, this, this.timeoutMs);
    return request;
  }

  isOpen(request: number): boolean {
    return this.#open.has(request);
  }

  /** Hands a reply to its caller; one for a request that is no longer open is dropped. */
  deliver(reply: ReceivedReply): void {
    const open = this.#open.get(reply.request);
    if (open === undefined) return;
    if (reply.last) this.forget(reply.request);
    open.onReply(reply);
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

  /** The caller stopped listening. */
  forget(request: number): void {
    if (!this.#open.delete(request)) return;
    if (this.#open.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#forgotten += 1;
    if (this.#forgotten < RENEW_AFTER) return;
    // A Map that goes on for ever keeps the garbage collector from what it held (see Running).
    this.#forgotten = 0;
    this.#open = new Map(this.#open);
  }

  #wakeIn(ms: number): void {
    this.#timer ??= setTimeout(() => this.#failOverdue(), ms);
  }

  #failOverdue(): void {
    this.#timer = undefined;
    for (const [request, { deadline, onDeadline }] of [...this.#open]) {
      const restMs = deadline - performance.now();
      if (restMs > 0) {
        return this.#wakeIn(restMs);
      }
      this.fail(request, onDeadline());
    }
  }
}

/** So many requests come and go before the Map gives way to a new one. */
const RENEW_AFTER = 1_000;
