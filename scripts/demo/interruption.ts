/** The user wants the demo to end now. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export interface Interruption {
  /** Fires at the first Ctrl-C or similar signal: end in order. */
  readonly signal: AbortSignal;
  /** Fires at a second one: end at once, but still clean up. */
  readonly again: AbortSignal;
  /** Resolves at the first one. */
  readonly happened: Promise<void>;
}

/** A Ctrl-C in a terminal arrives twice: from the terminal, and from npm, which passes on its own. */
const SAME_WITHIN_MS = 1_000;

export function listenForInterruption(): Interruption {
  const first = new AbortController();
  const second = new AbortController();
  const happened = new Promise<void>((resolve) => {
    first.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  let firstAt = Infinity;
  const interrupt = (): void => {
    if (!first.signal.aborted) {
      firstAt = performance.now();
      first.abort(new Interrupted('interrupted'));
    } else if (performance.now() - firstAt > SAME_WITHIN_MS) {
      second.abort(new Interrupted('interrupted again'));
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  // The reader has gone (`npm run demo | head`).
  process.stdout.on('error', interrupt);
  process.stderr.on('error', interrupt);
  return { signal: first.signal, again: second.signal, happened };
}
