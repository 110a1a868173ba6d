import { columnsOf, shown } from './columns.js';
import { CONTESTANTS } from './contestants.js';
import { GOALS, outcomeOf, wanted, type Outcome } from './goals.js';
import {
  faultsOf,
  figureOf,
  samplesOf,
  type Omission,
  type Results,
  type SampleResult,
} from './results.js';
import { canDo, WORKLOADS, type Workload } from './workloads.js';

/** One line for a sample that has just been measured. */
export function sampleLine(sample: SampleResult, workload: Workload): string {
  const [main] = columnsOf(workload);
  const value = sample.figures[main.figure];
  const faults = faultsOf([sample]);
  return [
    `${sample.workload} ${sample.round}`.padEnd(22),
    sample.contestant.padEnd(14),
    `${value === undefined ? '–' : shown(value)} ${main.title}`,
    faults === undefined ? '' : `  ! ${faults}${sample.error ? ` (${sample.error})` : ''}`,
  ].join(' ');
}

export function omissionLine({ workload, round, contestant, reason }: Omission): string {
  return `${`${workload} ${round}`.padEnd(22)} ${contestant.padEnd(14)} left out: ${reason}`;
}

/** A table for each workload: medians, and the spread of the first figure. */
export function workloadTables(results: Results): string {
  return WORKLOADS.map((workload) => tableOf(results, workload))
    .filter((table) => table !== undefined)
    .join('\n\n');
}

function tableOf(results: Results, workload: Workload): string | undefined {
  const columns = columnsOf(workload);
  const rows = CONTESTANTS.flatMap(({ id }) => {
    const samples = samplesOf(results, id, workload.id);
    if (samples.length === 0) return [];
    const cells = columns.map(({ figure }, index) => {
      const summary = figureOf(results, id, workload.id, figure);
      if (summary === undefined) return '–';
      const { median, least, most } = summary;
      return index === 0 ? `${shown(median)} (${shown(least)}–${shown(most)})` : shown(median);
    });
    return [[id, ...cells, faultsOf(samples) ?? '']];
  });
  if (rows.length === 0) return undefined;
  const heads = [workload.id, ...columns.map(({ title }) => title), ''];
  return aligned([heads, ...rows]);
}

/** Every goal for which something was measured. */
export function goalTable(results: Results): string {
  const rows = GOALS.map((goal) => outcomeOf(goal, results))
    .filter(({ value }) => value !== undefined)
    .map(goalRow);
  return aligned([['goal', 'wanted', 'measured', '(rounds)', '', 'by CPU'], ...rows]);
}

function goalRow({ goal, value, isMet, byCpu }: Outcome): string[] {
  if (value === undefined) return [goal.title, wanted(goal), '–'];
  const spread = `(${shown(value.least)}–${shown(value.most)})`;
  const verdict = isMet ? 'met' : 'MISSED';
  const cpu = byCpu === undefined ? '' : shown(byCpu);
  return [goal.title, wanted(goal), shown(value.median), spread, verdict, cpu];
}

/** Contestants and workloads, and which can do which. */
export function list(): string {
  const rows = WORKLOADS.map((workload) => [
    workload.id,
    workload.title,
    CONTESTANTS.filter((contestant) => canDo(contestant, workload))
      .map(({ id }) => id)
      .join(' '),
  ]);
  return aligned([['workload', '', 'contestants'], ...rows]);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
