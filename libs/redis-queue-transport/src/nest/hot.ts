import { Observable } from 'rxjs';
import type { Subscriber } from 'rxjs';

/**
 * What `read` makes of the end of a call that runs already, for whoever subscribes, now or later; a failure that nobody
 * sees is told.
 */
export function hot<A, T>(
  call: Promise<A>,
  read: (answer: A) => T,
  onUnseen: (error: unknown) => void,
): Observable<T> {
  const listeners = new Listeners<T>();
  call.then(
    (answer) => listeners.end(new Value(read(answer))),
    (error: unknown) => {
      if (!listeners.isSomebodyThere) onUnseen(error);
      listeners.end(new Failure(error));
    },
  );
  // Without a teardown: rxjs would keep an array for it, and whoever unsubscribed is told nothing anyway.
  return new Observable<T>((listener) => listeners.add(listener));
}

/** Those who wait for the end of one call. The usual one stands alone: see docs/decisions/0014. */
class Listeners<T> {
  #first: Subscriber<T> | undefined;
  #others: Subscriber<T>[] | undefined;
  #end: Value<T> | Failure | undefined;

  get isSomebodyThere(): boolean {
    return this.#all().some(({ closed }) => !closed);
  }

  add(listener: Subscriber<T>): void {
    if (this.#end !== undefined) tell(listener, this.#end);
    else if (this.#first === undefined) this.#first = listener;
    else (this.#others ??= []).push(listener);
  }

  end(end: Value<T> | Failure): void {
    this.#end = end;
    if (this.#first === undefined) return;
    tell(this.#first, end);
    for (const listener of this.#others ?? NOBODY) tell(listener, end);
  }

  #all(): readonly Subscriber<T>[] {
    return this.#first === undefined ? NOBODY : [this.#first, ...(this.#others ?? NOBODY)];
  }
}

const NOBODY: readonly never[] = [];

class Value<T> {
  constructor(readonly value: T) {}
}

class Failure {
  constructor(readonly error: unknown) {}
}

function tell<T>(listener: Subscriber<T>, end: Value<T> | Failure): void {
  if (end instanceof Failure) return listener.error(end.error);
  listener.next(end.value);
  listener.complete();
}
