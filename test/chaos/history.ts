import type { JournalEntry } from '../support/journal.js';
import type { Strike, RunRecord } from './run-record.js';

/** For this long before and after, events of its processes are part of a message's history. */
const AROUND_MS = 5_000;

interface Line {
  readonly atMs: number;
  readonly text: string;
}

/** Everything about one message in order: its own entries, starts and ends of its processes, and the faults. */
export function historyOf(id: string, record: RunRecord): string[] {
  const own = record.entries.filter((entry) => entry.id === id);
  const startMs = Math.min(...record.lives.map(({ fromMs }) => fromMs));
  const fromMs = Math.min(...own.map(({ atMs }) => atMs)) - AROUND_MS;
  const untilMs = Math.max(...own.map(({ atMs }) => atMs)) + AROUND_MS;
  const names = new Map(record.lives.map(({ pid, name }) => [pid, name]));
  const whose = (pid: number): string => `${names.get(pid) ?? '?'} (pid ${pid})`;
  const pids = new Set(own.map(({ pid }) => pid));
  const lines: Line[] = [
    ...own.map((entry) => ({ atMs: entry.atMs, text: `${whose(entry.pid)} ${inWords(entry)}` })),
    ...record.entries
      .filter((entry) => entry.id === '' && pids.has(entry.pid))
      .map((entry) => ({ atMs: entry.atMs, text: `${whose(entry.pid)} ${entry.event}` })),
    ...record.lives
      .filter(({ pid }) => pids.has(pid))
      .flatMap((life) => [
        { atMs: life.fromMs, text: `${whose(life.pid)} was started` },
        { atMs: life.untilMs ?? Infinity, text: `${whose(life.pid)} ended` },
      ]),
    ...record.strikes.flatMap((strike) => linesOf(strike, fromMs, untilMs)),
  ];
  return lines
    .filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs)
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ atMs, text }) => `${((atMs - startMs) / 1_000).toFixed(4).padStart(10)} s  ${text}`);
}

function inWords({ event, attempt, queue, reason, ...sent }: JournalEntry): string {
  const { delayMs, expiresInMs } = sent;
  const words = [
    attempt > 0 ? `${event} attempt ${attempt}` : event,
    queue,
    reason,
    delayMs === undefined ? undefined : `delay ${delayMs} ms`,
    expiresInMs === undefined ? undefined : `expires in ${expiresInMs} ms`,
  ];
  return words.filter((word) => word !== undefined).join(', ');
}

/** A fault that was already under way is listed at the beginning. */
function linesOf({ fault, target, ...strike }: Strike, fromMs: number, untilMs: number): Line[] {
  if (strike.untilMs < fromMs || strike.fromMs > untilMs) return [];
  return [
    { atMs: Math.max(strike.fromMs, fromMs), text: `--- ${fault} (${target})` },
    { atMs: strike.untilMs, text: `--- ${fault} (${target}) is over` },
  ];
}
