/** Handles failures of the application's listeners: reports them, and keeps them from affecting anything else. */
export class ListenerFailures {
  constructor(private readonly report: (error: unknown) => void) {}

  /** A listener threw this. */
  add(error: unknown): void {
    try {
      this.report(error);
    } catch {
      // The application's own logger is broken. Nobody is left to tell, and the work must go on.
    }
  }

  /**
   * A listener returned this. It may be a promise (`void` admits `async`), whose rejection nobody else would handle.
   */
  watch(returned: unknown): void {
    if (typeof returned !== 'object' || returned === null || !('then' in returned)) return;
    Promise.resolve(returned).catch((error: unknown) => this.add(error));
  }
}
