/** Something that is not settled. */
export interface OpenWork {
  /**
   * - `running`: its handler has begun.
   * - `held`: a consumer holds it, and its handler has not begun, or its result is being settled.
   * - `suspect`: it was running when its process died, and waits to run apart.
   * - `sending`: it is on its way, or waits for its reply.
   * - `arriving`: a live event that not every listener has heard.
   */
  readonly state: 'running' | 'held' | 'waiting' | 'suspect' | 'delayed' | 'sending' | 'arriving';
  readonly pattern: string;
  /** For an event of a group, `@GROUP/PATTERN`. */
  readonly queue: string;
  readonly id: string | undefined;
  readonly attempt: number;
  /** For how long, in ms; undefined if the kit cannot know. */
  readonly forMs: number | undefined;
  /** Why, for people; empty if there is nothing to say. */
  readonly why: string;
}
