import type { GuardedProcess } from './guarded-process.js';
import { probe } from './probe.js';
import { until } from './until.js';

// Long enough to load a large append-only file.
const readyDeadlineMs = 60_000;

/**
 * Waits until `server` itself (another one may hold the port) answers PING on `port`. False if it
 * ended first, or did not get ready in a minute.
 */
export async function waitUntilReady(server: GuardedProcess, port: number): Promise<boolean> {
  const ready = await until(readyDeadlineMs, async () => {
    if (server.hasEnded) return false;
    const { state, pid } = await probe(port);
    return state === 'ready' && (pid === undefined || pid === server.pid) ? true : undefined;
  });
  return ready === true;
}
