import type { BookVerdict } from './book-verdict.js';
import { historyOf } from './history.js';
import type { RunRecord } from './run-record.js';
import type { Verdict } from './verdict.js';

/** How many messages of a violation the report names, and how many of them with their history. */
const NAMED = 10;
const TOLD = 3;

export interface Recovery {
  readonly fault: string;
  /** From the end of the fault until a handler ended again. */
  readonly recoveryMs: number;
}

/** The report at the end of a run. */
export function reportOf(
  title: string,
  verdict: Verdict,
  recoveries: readonly Recovery[],
  record: RunRecord,
): string {
  const lines = [`chaos, ${title}, ${recoveries.length} faults`];
  lines.push(...tableOf(verdict.books));
  for (const [name, count] of Object.entries(verdict.counts))
    lines.push(`  ${name.padEnd(30)} ${count}`);
  lines.push('recovery (ms until a handler ends again): fault, times, median, longest');
  for (const name of [...new Set(recoveries.map(({ fault }) => fault))].sort()) {
    const times = recoveries
      .filter(({ fault }) => fault === name)
      .map(({ recoveryMs }) => recoveryMs)
      .sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)];
    lines.push(`  ${name.padEnd(34)} ${times.length}  ${median}  ${times.at(-1)}`);
  }
  for (const { what, ids } of verdict.violations) {
    const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : '';
    const named = ids.slice(0, NAMED).join(', ');
    lines.push(`BROKEN: ${what}${ids.length > 0 ? `: ${named}${more}` : ''}`);
    for (const id of ids.slice(0, TOLD)) lines.push(`  ${id}:`, ...historyOf(id, record));
  }
  const isClean = verdict.violations.length === 0;
  lines.push(isClean ? 'verdict: everything held' : 'verdict: broken');
  return lines.join('\n');
}

/** One column for each book. */
function tableOf(books: readonly BookVerdict[]): string[] {
  const rowOf = (name: string, cells: readonly (string | number)[]): string =>
    `  ${name.padEnd(30)} ${cells.map((cell) => String(cell).padStart(14)).join('')}`;
  const names = Object.keys(books[0]?.counts ?? {});
  return [
    rowOf(
      '',
      books.map(({ name }) => name),
    ),
    ...names.map((name) =>
      rowOf(
        name,
        books.map(({ counts }) => counts[name] ?? 0),
      ),
    ),
  ];
}
