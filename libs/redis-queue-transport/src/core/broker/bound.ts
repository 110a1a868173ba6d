/**
 * The bound in the terms of a queue: how many messages may wait. The text is `none`, or anything else that is no number, for
 * a queue without a bound.
 */
export function boundIn(text: string | null | undefined): number | undefined {
  const bound = Number(text === '' ? NaN : (text ?? NaN));
  return Number.isNaN(bound) ? undefined : bound;
}
