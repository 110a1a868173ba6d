import type { FigureName } from './figures.js';
import type { Workload } from './workloads.js';

/** How a figure is shown. */
export interface Column {
  readonly figure: FigureName;
  readonly title: string;
  readonly better: 'more' | 'less';
  /** Whether the report tells who is better at it than ours. */
  readonly isCompared?: true;
}

const RATE: Column = { figure: 'perSecond', title: 'messages/s', better: 'more', isCompared: true };
const PRODUCER: Column = {
  figure: 'producerCpuUs',
  title: 'producer CPU µs',
  better: 'less',
  isCompared: true,
};
const CONSUMER: Column = {
  figure: 'consumerCpuUs',
  title: 'consumer CPU µs',
  better: 'less',
  isCompared: true,
};
const SERVER: Column = {
  figure: 'serverCpuUs',
  title: 'server CPU µs',
  better: 'less',
  isCompared: true,
};
const CPU: Column = { figure: 'cpuUs', title: 'CPU µs in all', better: 'less', isCompared: true };
const REDIS: readonly Column[] = [
  { figure: 'commands', title: 'Redis commands', better: 'less' },
  { figure: 'bytesIn', title: 'bytes to Redis', better: 'less' },
  { figure: 'bytesOut', title: 'bytes from Redis', better: 'less' },
];

/** The figures of a workload; the first is the one that it is about. */
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
        {
          figure: 'bytesPerQueued',
          title: 'bytes per queued message',
          better: 'less',
          isCompared: true,
        },
      ];
    case 'idle':
      return [
        { figure: 'idleUsPerSecond', title: 'CPU µs/s', better: 'less', isCompared: true },
        { figure: 'idleConsumerUsPerSecond', title: 'consumer', better: 'less' },
        { figure: 'idleServerUsPerSecond', title: 'server', better: 'less' },
        { figure: 'commandsPerSecond', title: 'Redis commands/s', better: 'less' },
      ];
    case 'delay':
      return [
        { figure: 'lateP99Ms', title: 'ms late, p99', better: 'less', isCompared: true },
        { figure: 'lateP50Ms', title: 'p50', better: 'less' },
        { figure: 'lateLeastMs', title: 'least', better: 'less' },
        { figure: 'lateMostMs', title: 'most', better: 'less' },
        { figure: 'loadPerSecond', title: 'other messages/s', better: 'more' },
      ];
  }
}

function requestColumns(window: number): readonly [Column, ...Column[]] {
  const rate: Column = {
    figure: 'perSecond',
    title: 'requests/s',
    better: 'more',
    isCompared: true,
  };
  const p50: Column = { figure: 'p50Us', title: 'p50 µs', better: 'less', isCompared: true };
  const others: readonly Column[] = [
    { figure: 'p90Us', title: 'p90 µs', better: 'less' },
    { figure: 'p99Us', title: 'p99 µs', better: 'less', isCompared: true },
    PRODUCER,
    CONSUMER,
    SERVER,
    CPU,
    ...REDIS,
  ];
  return window === 1 ? [p50, rate, ...others] : [rate, p50, ...others];
}

/** With as many digits as one can use. */
export function shown(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}
