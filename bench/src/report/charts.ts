import { CONTESTANTS } from '../contestants.js';
import type { FigureName } from '../figures.js';
import { figureOf, type Results } from '../results.js';
import { barChart, type Bar } from './chart.js';

/** A chart of the report. */
export interface Chart {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

interface Plan {
  readonly file: string;
  readonly title: string;
  readonly unit: string;
  readonly workload: string;
  readonly figure: FigureName;
}

const RATE = 'messages per second; more is better';

const PLANS: readonly Plan[] = [
  {
    file: 'one-way',
    title: 'One-way, 256 bytes',
    unit: RATE,
    workload: 'one-way',
    figure: 'perSecond',
  },
  {
    file: 'request-100',
    title: 'Request/reply, 100 at a time',
    unit: 'requests per second; more is better',
    workload: 'request-100',
    figure: 'perSecond',
  },
  {
    file: 'request-1',
    title: 'Request/reply, 1 at a time',
    unit: 'µs at p50; less is better',
    workload: 'request-1',
    figure: 'p50Us',
  },
  {
    file: 'drain-100',
    title: 'Drain of a backlog, concurrency 100',
    unit: RATE,
    workload: 'drain-100',
    figure: 'perSecond',
  },
  {
    file: 'drain-1',
    title: 'Drain of a backlog, concurrency 1',
    unit: RATE,
    workload: 'drain-1',
    figure: 'perSecond',
  },
  {
    file: 'drain-100-always',
    title: 'Drain of a backlog, concurrency 100, AOF always',
    unit: RATE,
    workload: 'drain-100-always',
    figure: 'perSecond',
  },
  {
    file: 'broadcast-3',
    title: 'Broadcast to 3 subscribers',
    unit: RATE,
    workload: 'broadcast-3',
    figure: 'perSecond',
  },
  {
    file: 'memory',
    title: 'Redis memory for each queued message of 256 bytes',
    unit: 'bytes; less is better',
    workload: 'drain-100',
    figure: 'bytesPerQueued',
  },
  {
    file: 'idle-50',
    title: 'Idle with 50 patterns: consumer and server',
    unit: 'µs of CPU per second; less is better',
    workload: 'idle-50',
    figure: 'idleUsPerSecond',
  },
];

/** The charts for which something was measured. */
export function chartsOf(results: Results): Chart[] {
  return PLANS.flatMap(({ file, title, unit, workload, figure }) => {
    const bars = barsOf(results, workload, figure);
    return bars.length === 0
      ? []
      : [{ file: `${file}.svg`, title, svg: barChart(title, unit, bars) }];
  });
}

function barsOf(results: Results, workload: string, figure: FigureName): Bar[] {
  return CONTESTANTS.flatMap(({ id, title }) => {
    const value = figureOf(results, id, workload, figure);
    return value === undefined ? [] : [{ label: title, value, isOurs: id === 'ours' }];
  });
}
