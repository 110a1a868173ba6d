import { Observable } from 'rxjs';

/** The end of a call that runs already, for whoever subscribes, now or later; a failure that nobody sees is told. */
export function hot<T>(call: Promise<T>, onUnseen: (error: unknown) => void): Observable<T> {
  let listeners = 0;
  call.catch((error: unknown) => {
    if (listeners === 0) onUnseen(error);
  });
  return new Observable<T>((subscriber) => {
    listeners += 1;
    call.then(
      (value) => {
        subscriber.next(value);
        subscriber.complete();
      },
      (error: unknown) => subscriber.error(error),
    );
    return () => {
      listeners -= 1;
    };
  });
}
