/** Something that the doctor found. */
export interface Finding {
  /** Stable, for programs. */
  readonly id: string;
  /** `wrong` makes the doctor end with 1. A `note` is worth knowing, or says what could not be looked at. */
  readonly level: 'wrong' | 'note';
  /** What was found, with the values. */
  readonly what: string;
  /** What it means for messages. */
  readonly means: string;
  /** What to do about it. */
  readonly todo: string;
  /** The queue that it is about, if it is about one. */
  readonly queue?: string;
}

export function wrong(
  id: string,
  what: string,
  means: string,
  todo: string,
  queue?: string,
): Finding {
  return { id, level: 'wrong', what, means, todo, ...(queue === undefined ? {} : { queue }) };
}

export function note(
  id: string,
  what: string,
  means: string,
  todo: string,
  queue?: string,
): Finding {
  return { ...wrong(id, what, means, todo, queue), level: 'note' };
}
