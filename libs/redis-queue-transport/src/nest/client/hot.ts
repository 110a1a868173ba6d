import { executionAsyncId } from 'node:async_hooks';
import { Observable } from 'rxjs';
import type { Subscriber } from 'rxjs';
import { ownContext } from '../../core/process/own-context.js';

/**
 * A call that runs already, whether anybody listens or not: subscribe to it, or `await` it. Both tell how it ended, at
 * any time and any number of times; a failure that nobody sees is logged.
 */
// An intersection, since TypeScript infers what `lastValueFrom(client.emit(…))` answers from nothing else that extends one.
export type RedisQueueCall<T> = Observable<T> & PromiseLike<T>;

/** What `read` makes of the end of a call that runs already; a failure that nobody sees is told. */
export function hot<A, T>(
  call: Promise<A>,
  read: (answer: A) => T,
  onUnseen: (error: unknown) => void,
): RedisQueueCall<T> {
  const running = new RunningCall<T>();
  call.then(
    (answer) => running.end(new Value(read(answer))),
    (error: unknown) => running.fail(new Failure(error), onUnseen),
  );
  return running;
}

/** Who waits: a subscriber, or whoever awaits. */
type Listener<T> = Pick<Subscriber<T>, 'closed' | 'next' | 'error' | 'complete'>;

/** Holds those who wait for its end. The usual one stands alone: see docs/decisions/0014. */
class RunningCall<T> extends Observable<T> implements PromiseLike<T> {
  #first: Listener<T> | undefined;
  #others: Listener<T>[] | undefined;
  #end: Value<T> | Failure | undefined;
  #isSeen = false;
  /**
   * The end is told in the async context of the call; who subscribes from elsewhere hears it there. What `run` of an
   * AsyncLocalStorage makes of one and the same execution counts as one context: to look closer would cost each call a
   * twentieth of its time. An `await` always goes on in its own.
   */
  readonly #asyncId = executionAsyncId();

  constructor() {
    // Without a teardown: rxjs would keep an array for it, and whoever unsubscribed is told nothing anyway.
    super(RunningCall.#subscribe);
  }

  /** One for all, as rxjs calls it with the Observable as `this`. */
  static #subscribe<T>(this: Observable<T>, listener: Subscriber<T>): void {
    const call = this as RunningCall<T>; // the only one that is made with it
    call.#add(executionAsyncId() === call.#asyncId ? listener : new Elsewhere(listener));
  }

  then<Result1 = T, Result2 = never>(
    onFulfilled?: ((value: T) => Result1 | PromiseLike<Result1>) | null,
    onRejected?: ((reason: unknown) => Result2 | PromiseLike<Result2>) | null,
  ): Promise<Result1 | Result2> {
    return new Promise<T>((resolve, reject) => this.#add(new Awaiting(resolve, reject))).then(
      onFulfilled,
      onRejected,
    );
  }

  end(end: Value<T> | Failure): void {
    this.#end = end;
    if (this.#first === undefined) return;
    tell(this.#first, end);
    for (const listener of this.#others ?? NOBODY) tell(listener, end);
  }

  fail(end: Failure, onUnseen: (error: unknown) => void): void {
    this.#isSeen = this.#isSomebodyThere;
    this.end(end);
    // A call that fails at once does so before an `await` of it has begun to listen, a microtask later.
    if (!this.#isSeen) process.nextTick(() => this.#isSeen || onUnseen(end.error));
  }

  #add(listener: Listener<T>): void {
    if (this.#end !== undefined) {
      this.#isSeen = true;
      tell(listener, this.#end);
    } else if (this.#first === undefined) this.#first = listener;
    else (this.#others ??= []).push(listener);
  }

  get #isSomebodyThere(): boolean {
    if (this.#first === undefined) return false;
    return [this.#first, ...(this.#others ?? NOBODY)].some(({ closed }) => !closed);
  }
}

/** A subscriber with an async context of its own. Not for each one, as most subscribe where they call. */
class Elsewhere<T> implements Listener<T> {
  readonly #context = ownContext();

  constructor(private readonly listener: Listener<T>) {}

  get closed(): boolean {
    return this.listener.closed;
  }

  next(value: T): void {
    this.#context.runInAsyncScope(() => this.listener.next(value));
  }

  error(reason: unknown): void {
    this.#context.runInAsyncScope(() => this.listener.error(reason));
  }

  complete(): void {
    this.#context.runInAsyncScope(() => this.listener.complete());
  }
}

/** The promise of one `await`. */
class Awaiting<T> implements Listener<T> {
  readonly closed = false;

  constructor(
    readonly next: (value: T) => void,
    readonly error: (reason: unknown) => void,
  ) {}

  complete(): void {
    // The value was all.
  }
}

const NOBODY: readonly never[] = [];

class Value<T> {
  constructor(readonly value: T) {}
}

class Failure {
  constructor(readonly error: unknown) {}
}

function tell<T>(listener: Listener<T>, end: Value<T> | Failure): void {
  if (end instanceof Failure) return listener.error(end.error);
  listener.next(end.value);
  listener.complete();
}
