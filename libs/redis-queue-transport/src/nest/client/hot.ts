import { executionAsyncId } from 'node:async_hooks';
import { Observable } from 'rxjs';
import type { Subscriber } from 'rxjs';
import { ownContext } from '../../core/process/own-context.js';

/**
 * A call that is already running, even without listeners. Subscribe to it or `await` it, at any time and any number of
 * times: both give you its result. A failure that nobody sees is logged.
 */
// An intersection, since TypeScript cannot infer the result of `lastValueFrom(client.emit(…))` from a subtype of
// Observable.
export type RedisQueueCall<T> = Observable<T> & PromiseLike<T>;

/** Makes a call that is already running; `read` converts its result. A failure that nobody sees is reported. */
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

/** A waiting subscriber, or an `await`. */
type Listener<T> = Pick<Subscriber<T>, 'closed' | 'next' | 'error' | 'complete'>;

/** Keeps listeners until the call ends. The usual single one is stored without an array: see docs/decisions/0014. */
class RunningCall<T> extends Observable<T> implements PromiseLike<T> {
  #first: Listener<T> | undefined;
  #others: Listener<T>[] | undefined;
  #end: Value<T> | Failure | undefined;
  #isSeen = false;
  /**
   * Subscribers are called in the async context of the call; those from elsewhere, in their own. Contexts that
   * `AsyncLocalStorage.run` makes within one execution count as one: distinguishing them would cost each call 5 % of
   * its time. An `await` always continues in its own context.
   */
  readonly #asyncId = executionAsyncId();

  constructor() {
    // Without a teardown, for which rxjs would keep an array: an unsubscribed listener gets nothing anyway.
    super(RunningCall.#subscribe);
  }

  /** One function for all calls, since rxjs calls it with the Observable as `this`. */
  static #subscribe<T>(this: Observable<T>, listener: Subscriber<T>): void {
    const call = this as RunningCall<T>; // Only this class passes the function on.
    const isHere = call.#asyncId !== NO_ID && executionAsyncId() === call.#asyncId;
    call.#add(isHere ? listener : new Elsewhere(listener));
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
    // A call may fail at once, before its `await` starts listening a microtask later.
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

/** A subscriber with an async context of its own. Most subscribe where they call and do not need one. */
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
    // An `await` only needs the value.
  }
}

const NOBODY: readonly never[] = [];

/** From Node 24 on, the id in each continuation of a promise, whatever its context. */
const NO_ID = 0;

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
