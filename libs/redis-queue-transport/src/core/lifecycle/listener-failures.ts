/** What becomes of failures of listeners that the application gave us: they are reported, and touch nothing else. */
export class ListenerFailures {
  constructor(private readonly report: (error: unknown) => void) {}

  /** One threw this. */
  add(error: unknown): void {
    try {
      this.report(error);
    } catch {
      // The application's own logger is broken: there is nobody left to tell, and the work goes on.
    }
  }

  /** One returned this. As `void` admits `async`, it may be a promise, which nobody else looks after. */
  watch(returned: unknown): void {
    if (typeof returned !== 'object' || returned === null || !('then' in returned)) return;
    Promise.resolve(returned).catch((error: unknown) => this.add(error));
  }
}
