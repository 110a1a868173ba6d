import { TestKitError } from '../errors/test-kit-error.js';

/** A request that the test answers. */
export interface ReceivedRequest<TData = unknown, TReply = unknown> {
  readonly data: TData;
  /** The caller gets this value. */
  reply(value: TReply): void;
  /** The caller gets this error, as from a handler that threw it. */
  fail(error: unknown): void;
}

interface Taker<TData, TReply> {
  take(request: ReceivedRequest<TData, TReply>): void;
  giveUp(why: string): void;
}

/** The other side of a `send`, played by the test: takes requests one by one, and answers them when it likes. */
export class OtherSide<TData = unknown, TReply = unknown> {
  readonly #received: ReceivedRequest<TData, TReply>[] = [];
  readonly #takers = new Set<Taker<TData, TReply>>();
  readonly #unanswered = new Set<ReceivedRequest<TData, TReply>>();

  /** @internal The kit makes it. */
  constructor(
    readonly pattern: string,
    private readonly story: () => string,
  ) {}

  /**
   * The next request, as soon as it is there. Default: within 2 s.
   * @throws TestKitError if none comes in time
   */
  next({ withinMs = 2_000 }: { readonly withinMs?: number } = {}): Promise<
    ReceivedRequest<TData, TReply>
  > {
    const received = this.#received.shift();
    if (received !== undefined) return Promise.resolve(received);
    const next = new Promise<ReceivedRequest<TData, TReply>>((resolve, reject) => {
      const end = (): void => {
        clearTimeout(deadline);
        this.#takers.delete(taker);
      };
      const taker: Taker<TData, TReply> = {
        take: (request) => {
          end();
          resolve(request);
        },
        giveUp: (why) => {
          end();
          reject(new TestKitError(`No request of "${this.pattern}" came ${why}.\n${this.story()}`));
        },
      };
      const deadline = setTimeout(() => taker.giveUp(`within ${withinMs} ms`), withinMs);
      this.#takers.add(taker);
    });
    // A test that failed before it awaited this must show that failure.
    next.catch(() => undefined);
    return next;
  }

  /** @internal The handler that answers as the test does. */
  readonly handle = (data: TData): Promise<TReply> =>
    new Promise<TReply>((resolve, reject) => {
      const request = {
        data,
        reply: (value: TReply): void => {
          this.#unanswered.delete(request);
          resolve(value);
        },
        fail: (error: unknown): void => {
          this.#unanswered.delete(request);
          // The test may let it fail with anything, as a handler may throw anything.
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
          reject(error);
        },
      };
      this.#unanswered.add(request);
      const [taker] = this.#takers;
      if (taker === undefined) this.#received.push(request);
      else taker.take(request);
    });

  /** @internal Requests without an answer fail, and nobody waits for one any more. */
  close(): void {
    for (const taker of this.#takers) taker.giveUp('until the end of the test');
    const error = new TestKitError('The test ended without an answer.');
    for (const request of this.#unanswered) request.fail(error);
  }
}
