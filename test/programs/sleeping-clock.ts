/**
 * Loaded into a process before its program (`node --import`). While the process is stopped (SIGSTOP), its monotonic
 * clock stands still, like that of a suspended machine. Its wall clock goes on, and so do Node's timers.
 */
const NOTICED_MS = 400;
const LOOK_MS = 20;

const trueNow = performance.now.bind(performance);
let sleptMs = 0;
let lookedAt = trueNow();

function now(): number {
  const now = trueNow();
  if (now - lookedAt > NOTICED_MS) sleptMs += now - lookedAt;
  lookedAt = now;
  return now - sleptMs;
}

Object.defineProperty(performance, 'now', { value: now });
setInterval(now, LOOK_MS).unref();
