import { Observable } from 'rxjs';
import type { Subscriber } from 'rxjs';

type End<T> = { readonly value: T } | { readonly error: unknown };

/**
 * What `read` makes of the end of a call that runs already, for whoever subscribes, now or later; a failure that nobody
 * sees is told.
 */
export function hot<A, T>(
  call: Promise<A>,
  read: (answer: A) => T,
  onUnseen: (error: unknown) => void,
): Observable<T> {
  let listeners: readonly Subscriber<T>[] = [];
  let end: End<T> | undefined;
  const tell = (listener: Subscriber<T>, ended: End<T>): void => {
    if ('error' in ended) return listener.error(ended.error);
    listener.next(ended.value);
    listener.complete();
  };
  call.then(
    (answer) => {
      end = { value: read(answer) };
      for (const listener of listeners) tell(listener, end);
    },
    (error: unknown) => {
      end = { error };
      if (listeners.length === 0) onUnseen(error);
      for (const listener of listeners) tell(listener, end);
    },
  );
  return new Observable<T>((subscriber) => {
    if (end !== undefined) return tell(subscriber, end);
    listeners = [...listeners, subscriber];
    return () => {
      listeners = listeners.filter((listener) => listener !== subscriber);
    };
  });
}
