import type { Reply } from './reply.js';

export type RequestListener = (reply: Reply & { readonly body: Buffer }) => void;

interface OpenRequest {
  readonly onReply: RequestListener;
  readonly onFailure: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/** The requests of one client that still wait for their reply. Each ends by its last reply, a failure, or its deadline. */
export class OpenRequests {
  readonly #open = new Map<number, OpenRequest>();
  #lastNumber = 0;

  get size(): number {
    return this.#open.size;
  }

  /** Answers the number under which the reply will come. `onDeadline` makes the error for `onFailure`. */
  open(
    timeoutMs: number,
    onReply: RequestListener,
    onFailure: (error: unknown) => void,
    onDeadline: () => unknown,
  ): number {
    const request = ++this.#lastNumber;
    const timer = setTimeout(() => this.fail(request, onDeadline()), timeoutMs);
    this.#open.set(request, { onReply, onFailure, timer });
    return request;
  }

  isOpen(request: number): boolean {
    return this.#open.has(request);
  }

  /** Hands a reply to its caller; one for a request that is no longer open is dropped. */
  deliver(reply: Reply & { readonly body: Buffer }): void {
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
    const open = this.#open.get(request);
    if (open === undefined) return;
    clearTimeout(open.timer);
    this.#open.delete(request);
  }
}
