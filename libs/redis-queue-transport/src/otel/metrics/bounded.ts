/** Stands for values beyond the bound. The conventions use it for errors of an unknown kind. */
export const OTHER = '_OTHER';

/** Remembers what was made of the first different values, up to a bound; all others count as one. */
export class Bounded<T> {
  readonly #made = new Map<string, T>();
  readonly #other: T;

  constructor(
    private readonly most: number,
    private readonly make: (value: string) => T,
  ) {
    this.#other = make(OTHER);
  }

  of(value: string): T {
    return this.#made.get(value) ?? this.#add(value);
  }

  #add(value: string): T {
    if (this.#made.size >= this.most) return this.#other;
    const made = this.make(value);
    this.#made.set(value, made);
    return made;
  }
}
