/** Somebody wants the demo to end now. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export interface Interruption {
  readonly signal: AbortSignal;
  /** Resolves at the first signal. */
  readonly happened: Promise<void>;
}

/** Ctrl-C and its like: the first ends the demo in order, the second at once. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const happened = new Promise<void>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const interrupt = (): void => {
    // Whatever still runs then is killed by its exit listener.
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Interrupted('interrupted'));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  // Nobody reads any more (`npm run demo | head`).
  process.stdout.on('error', interrupt);
  process.stderr.on('error', interrupt);
  return { signal: controller.signal, happened };
}
