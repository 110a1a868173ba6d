/** Something that is wrong, and the messages to which it applies. */
export interface Violation {
  readonly what: string;
  readonly ids: readonly string[];
}

/** Complaints, grouped by their text. */
export class Violations {
  readonly #ids = new Map<string, string[]>();

  say(what: string, ids: readonly string[]): void {
    const said = this.#ids.get(what) ?? [];
    for (const id of ids) said.push(id);
    this.#ids.set(what, said);
  }

  /** Says it about these messages, if there are any. */
  sayOf(what: string, ids: readonly string[]): void {
    if (ids.length > 0) this.say(what, ids);
  }

  get all(): readonly Violation[] {
    return [...this.#ids].map(([what, ids]) => ({ what, ids }));
  }
}
