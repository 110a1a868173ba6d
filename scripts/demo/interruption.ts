/** Somebody wants the demo to end now. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export interface Interruption {
  readonly signal: AbortSignal;
  /** Resolves at the first signal. */
  readonly happened: Promise<void>;
}

/** A Ctrl-C in a terminal comes twice: from the terminal, and from npm, which passes its own on. */
const SAME_WITHIN_MS = 1_000;

/** Ctrl-C and its like: the first ends the demo in order, a second one at once. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const happened = new Promise<void>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  let firstAt = Infinity;
  const interrupt = (): void => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort(new Interrupted('interrupted'));
    } else if (performance.now() - firstAt > SAME_WITHIN_MS) {
      // Whatever still runs then is killed by its exit listener.
      process.exit(130);
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  // Nobody reads any more (`npm run demo | head`).
  process.stdout.on('error', interrupt);
  process.stderr.on('error', interrupt);
  return { signal: controller.signal, happened };
}
