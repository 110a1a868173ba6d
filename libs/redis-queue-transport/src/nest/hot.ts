import { AsyncSubject } from 'rxjs';
import type { Observable } from 'rxjs';

/** The end of a call that runs already, for whoever subscribes, now or later; a failure that nobody sees is told. */
export function hot<T>(call: Promise<T>, onUnseen: (error: unknown) => void): Observable<T> {
  const result = new AsyncSubject<T>();
  call.then(
    (value) => {
      result.next(value);
      result.complete();
    },
    (error: unknown) => {
      if (!result.observed) onUnseen(error);
      result.error(error);
    },
  );
  return result.asObservable();
}
