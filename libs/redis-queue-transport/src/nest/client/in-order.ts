/**
 * Hands on, in the order of the calls, values that are there already and values that are still to come: a stream of
 * replies keeps its order, and its end stays the end, however long a deserializer takes for each.
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
