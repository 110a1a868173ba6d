import type { FigureName } from './figures.js';
import type { Workload } from './workloads.js';

/** How a figure is shown. */
export interface Column {
  readonly figure: FigureName;
  readonly title: string;
  readonly better: 'more' | 'less';
  /** Whether the report names those that are better at it than ours. */
  readonly isCompared?: true;
}

const RATE = compared('perSecond', 'messages/s', 'more');
const PRODUCER = compared('producerCpuUs', 'producer CPU µs');
const CONSUMER = compared('consumerCpuUs', 'consumer CPU µs');
const SERVER = compared('serverCpuUs', 'server CPU µs');
const CPU = compared('cpuUs', 'CPU µs in all');
const REDIS: readonly Column[] = [
  plain('commands', 'Redis commands'),
  plain('bytesIn', 'bytes to Redis'),
  plain('bytesOut', 'bytes from Redis'),
];

/** The figures of a workload; the first is the main one. */
export function columnsOf(workload: Workload): readonly [Column, ...Column[]] {
  switch (workload.kind) {
    case 'flow':
      return workload.verb === 'request'
        ? requestColumns(workload.window)
        : [RATE, PRODUCER, CONSUMER, SERVER, CPU, ...REDIS];
    case 'drain':
      return [
        RATE,
        CONSUMER,
        SERVER,
        CPU,
        ...REDIS,
        compared('bytesPerQueued', 'bytes per queued message'),
      ];
    case 'idle':
      return [
        compared('idleUsPerSecond', 'CPU µs/s'),
        plain('idleConsumerUsPerSecond', 'consumer'),
        plain('idleServerUsPerSecond', 'server'),
        plain('commandsPerSecond', 'Redis commands/s'),
      ];
    case 'delay':
      return [
        compared('lateP99Ms', 'ms late, p99'),
        plain('lateP50Ms', 'p50'),
        plain('lateLeastMs', 'least'),
        plain('lateMostMs', 'most'),
        plain('loadPerSecond', 'other messages/s', 'more'),
      ];
  }
}

function requestColumns(window: number): readonly [Column, ...Column[]] {
  const rate = compared('perSecond', 'requests/s', 'more');
  const p50 = compared('p50Us', 'p50 µs');
  const others: readonly Column[] = [
    plain('p90Us', 'p90 µs'),
    compared('p99Us', 'p99 µs'),
    PRODUCER,
    CONSUMER,
    SERVER,
    CPU,
    ...REDIS,
  ];
  return window === 1 ? [p50, rate, ...others] : [rate, p50, ...others];
}

function plain(figure: FigureName, title: string, better: Column['better'] = 'less'): Column {
  return { figure, title, better };
}

function compared(figure: FigureName, title: string, better?: Column['better']): Column {
  return { ...plain(figure, title, better), isCompared: true };
}

/** With as many digits as are useful. */
export function shown(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}
