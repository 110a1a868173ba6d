import { eventually } from './eventually.js';

/** What keeps this process alive, counted by kind: sockets, servers, child processes, timers … */
export type ActiveResources = ReadonlyMap<string, number>;

/** They come and go with the test runner itself, and with every client that was just closed. */
const TIMERS = new Set(['Timeout', 'Immediate']);
const SHORT_LIVED = new Set(['FSReqPromise', 'FSReqCallback', 'TickObject']);

export function activeResources(): ActiveResources {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Fails if more is open than before. What was closed a moment ago gets time to disappear. */
export async function expectNothingMoreOpen(before: ActiveResources): Promise<void> {
  await expectNoMore(before, (kind) => !TIMERS.has(kind) && !SHORT_LIVED.has(kind));
}

/** Fails if more timers run than before. A client keeps one for two seconds after its end. */
export async function expectNoMoreTimers(before: ActiveResources): Promise<void> {
  await expectNoMore(before, (kind) => TIMERS.has(kind));
}

async function expectNoMore(
  before: ActiveResources,
  isMeant: (kind: string) => boolean,
): Promise<void> {
  await eventually(() => {
    for (const [kind, count] of activeResources()) {
      const more = count - (before.get(kind) ?? 0);
      if (isMeant(kind) && more > 0) throw new Error(`${more} × ${kind} left open`);
    }
  }, 4_000);
}
