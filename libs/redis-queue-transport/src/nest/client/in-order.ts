/**
 * Passes values on in the order of the calls, even if some of them are promises. So a stream of replies keeps its
 * order, and its end comes last, however long a deserializer takes for each reply.
 */
export function inOrder<T>(
  next: (value: T) => void,
  fail: (error: unknown) => void,
): (value: T | Promise<T>) => void {
  let before: Promise<void> | undefined;
  return (value) => {
    if (before === undefined && !(value instanceof Promise)) return next(value);
    const handOn = Promise.resolve(value).then(
      (ready) => () => next(ready),
      (error: unknown) => () => fail(error),
    );
    before = Promise.all([handOn, before]).then(([run]) => run());
  };
}
