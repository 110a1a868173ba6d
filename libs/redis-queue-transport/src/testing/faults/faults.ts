import { TestKitError } from '../errors/test-kit-error.js';
import type { Handling } from '../journal/handling.js';

/** What the next handling of a pattern meets. */
export type Fault =
  | { readonly kind: 'fail'; readonly error: unknown }
  | { readonly kind: 'hang'; readonly until: Promise<void> }
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' };

/** Faults that wait for their pattern, first in, first out. */
export class Faults {
  readonly #end = new AbortController();
  readonly #byPattern = new Map<string, Fault[]>();

  add(pattern: string, fault: Fault): void {
    const waiting = this.#byPattern.get(pattern);
    if (waiting === undefined) this.#byPattern.set(pattern, [fault]);
    else waiting.push(fault);
  }

  /** One that hangs until you call what this returns, or all of them end. */
  hang(pattern: string): () => void {
    let release = (): void => undefined;
    const until = new Promise<void>((resolve, reject) => {
      release = resolve;
      const end = (): void => reject(new TestKitError('It hung until the end of the test.'));
      this.#end.signal.addEventListener('abort', end, { once: true });
    });
    // It may never have been met.
    until.catch(() => undefined);
    this.add(pattern, { kind: 'hang', until });
    return release;
  }

  /** Ends those that hang. */
  end(): void {
    this.#end.abort();
  }

  /** The fault for this attempt, which meets no other. */
  take({ pattern }: Handling): Fault | undefined {
    return this.#byPattern.get(pattern)?.shift();
  }
}
