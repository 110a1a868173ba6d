import { columnsOf, shown, type Column } from '../columns.js';
import { CONTESTANTS } from '../contestants.js';
import { GOALS, outcomeOf, wanted } from '../goals.js';
import { faultsOf, figureOf, samplesOf, type Results } from '../results.js';
import type { Summary } from '../statistics.js';
import { WORKLOADS, type Workload } from '../workloads.js';
import { chartsOf } from './charts.js';

/** The parts of the report that come from a run, by the name in their marker. */
export function sectionsOf(results: Results, chartFolder: string): ReadonlyMap<string, string> {
  return new Map([
    ['machine', machineSection(results)],
    ['run', runSection(results)],
    ['goals', goalSection(results)],
    ['charts', chartSection(results, chartFolder)],
    ['losses', lossSection(results)],
    ['faults', faultSection(results)],
    ['tables', WORKLOADS.map((workload) => workloadSection(results, workload)).join('')],
  ]);
}

function machineSection({ run }: Results): string {
  const { cpu, cores } = run.machine;
  return `Measured on ${run.date.slice(0, 10)}, on ${cores} cores of ${cpu}.`;
}

function runSection({ run }: Results): string {
  const { cpu, cores, memoryGiB, system } = run.machine;
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `- Date: ${run.date.slice(0, 10)}`,
    `- Machine: ${cores} cores of ${cpu}, ${memoryGiB} GiB, ${system}`,
    `- Versions: ${versions.join(', ')}`,
    `- Command: \`${run.command}\``,
  ].join('\n');
}

function goalSection(results: Results): string {
  const rows = GOALS.map((goal) => {
    const { value, isMet, byCpu } = outcomeOf(goal, results);
    if (value === undefined) return [goal.title, wanted(goal), 'not measured', '', '', ''];
    return [
      goal.title,
      wanted(goal),
      shown(value.median),
      spread(value),
      isMet ? 'met' : '**missed**',
      byCpu === undefined ? '' : shown(byCpu),
    ];
  });
  return table([['goal', 'wanted', 'measured', 'of single rounds', '', 'by CPU'], ...rows]);
}

function chartSection(results: Results, folder: string): string {
  return chartsOf(results)
    .map(({ file, title }) => `![${title}](${folder}/${file})`)
    .join('\n\n');
}

/** Differences below this are noise. */
const LEAST_DIFFERENCE = 1.05;

/** The ceiling is not a rival. */
const NO_RIVALS = ['ours', 'bare-loop'];

/** Every figure in which a rival is better than ours. */
function lossSection(results: Results): string {
  const rows = WORKLOADS.flatMap((workload) =>
    columnsOf(workload).flatMap((column) => lossesAt(results, workload, column)),
  );
  if (rows.length === 0) return 'Nowhere in this run.';
  return table([['workload', 'figure', 'ours', 'better', '', 'times'], ...rows]);
}

function lossesAt(results: Results, workload: Workload, column: Column): string[][] {
  const ours = figureOf(results, 'ours', workload.id, column.figure)?.median;
  if (ours === undefined || !column.isCompared) return [];
  return CONTESTANTS.filter(({ id }) => !NO_RIVALS.includes(id)).flatMap(({ id, title }) => {
    const theirs = figureOf(results, id, workload.id, column.figure)?.median;
    if (theirs === undefined) return [];
    const times = column.better === 'more' ? theirs / ours : ours / theirs;
    if (!(times >= LEAST_DIFFERENCE)) return [];
    return [[workload.title, column.title, shown(ours), title, shown(theirs), shown(times)]];
  });
}

/** The contestants that lost, doubled or damaged messages, or lack figures that one would expect. */
function faultSection(results: Results): string {
  const rows = WORKLOADS.flatMap((workload) =>
    CONTESTANTS.flatMap(({ id, title }) => {
      const samples = samplesOf(results, id, workload.id);
      const faults = faultsOf(samples);
      if (faults === undefined) return [];
      const sent = samples.reduce((sum, { account }) => sum + account.expected, 0);
      return [[title, workload.title, `${faults} of ${sent.toLocaleString('en-US')}`]];
    }),
  );
  const omissions = results.omissions.map(({ contestant, workload, reason, isFailure }) => [
    titleOf(contestant),
    WORKLOADS.find(({ id }) => id === workload)?.title ?? workload,
    `${isFailure ? 'failed' : 'left out'}: ${firstLine(reason)}`,
  ]);
  const all = [...rows, ...omissions];
  return all.length === 0 ? 'Nothing in this run.' : table([['who', 'workload', 'what'], ...all]);
}

function workloadSection(results: Results, workload: Workload): string {
  const columns = columnsOf(workload);
  const rows = CONTESTANTS.flatMap(({ id, title }) => {
    if (samplesOf(results, id, workload.id).length === 0) return [];
    const cells = columns.map(({ figure }, index) => {
      const summary = figureOf(results, id, workload.id, figure);
      if (summary === undefined) return '–';
      return index === 0 ? `${shown(summary.median)} ${spread(summary)}` : shown(summary.median);
    });
    return [[title, ...cells]];
  });
  if (rows.length === 0) return '';
  const used = [0, ...columns.map((_, index) => index + 1)].filter((index) =>
    rows.some((row) => row[index] !== '–'),
  );
  const shownRows = [['', ...columns.map(({ title }) => title)], ...rows].map((row) =>
    used.map((index) => row[index] ?? ''),
  );
  return `## ${workload.title.charAt(0).toUpperCase()}${workload.title.slice(1)}\n\n${table(shownRows)}\n\n`;
}

function spread({ least, most }: Summary): string {
  return `(${shown(least)}–${shown(most)})`;
}

function titleOf(contestant: string): string {
  return CONTESTANTS.find(({ id }) => id === contestant)?.title ?? contestant;
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replaceAll('|', '\\|');
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
