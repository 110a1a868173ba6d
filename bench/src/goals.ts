import type { FigureName } from './figures.js';
import { figureOf, samplesOf, type Results } from './results.js';
import { summarise, type Summary } from './statistics.js';

interface Term {
  readonly contestant: string;
  readonly workload: string;
  readonly figure: FigureName;
}

/** A figure of ours, or its ratio to another one of the same run, and its target. */
export interface Goal {
  readonly title: string;
  readonly of: Term;
  /** The divisor; undefined if the figure itself is the goal. */
  readonly by: Term | undefined;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** The result for a goal; `ratio` is undefined if something was not measured. */
export interface Outcome {
  readonly goal: Goal;
  readonly value: Summary | undefined;
  readonly isMet: boolean | undefined;
  /** For a ratio of rates: the ratio by CPU time for each message, which suffers less from a busy machine. */
  readonly byCpu: number | undefined;
}

const RATE = 'perSecond';

function ours(workload: string, figure: FigureName = RATE): Term {
  return { contestant: 'ours', workload, figure };
}

function against(
  contestant: string,
  title: string,
  workload: string,
  bound: Pick<Goal, 'atLeast' | 'atMost'>,
  figure: FigureName = RATE,
): Goal {
  return { title, of: ours(workload, figure), by: { contestant, workload, figure }, ...bound };
}

export const GOALS: readonly Goal[] = [
  against('nest-redis', 'one-way ÷ Nest REDIS', 'one-way', { atLeast: 3 }),
  against('nest-nats', 'one-way ÷ Nest NATS', 'one-way', { atLeast: 2 }),
  against('bullmq', 'one-way ÷ BullMQ', 'one-way', { atLeast: 15 }),
  against('bare-loop', 'one-way ÷ bare loop', 'one-way', { atLeast: 0.6 }),
  against('bare-loop', 'one-way, 10 KB ÷ bare loop', 'one-way-10k', { atLeast: 0.8 }),
  against(
    'nest-redis',
    'request/reply, 1 at a time: p50 ÷ Nest REDIS',
    'request-1',
    { atMost: 0.85 },
    'p50Us',
  ),
  against('nest-redis', 'request/reply, 100 at a time ÷ Nest REDIS', 'request-100', {
    atLeast: 1.6,
  }),
  against(
    'nest-redis',
    'request/reply, 100 at a time: p99 ÷ Nest REDIS',
    'request-100',
    { atMost: 1 },
    'p99Us',
  ),
  against('jetstream', 'drain, concurrency 100 ÷ JetStream', 'drain-100', { atLeast: 3 }),
  against('bullmq', 'drain, concurrency 100 ÷ BullMQ', 'drain-100', { atLeast: 11 }),
  against('bare-loop', 'drain, concurrency 100 ÷ bare loop', 'drain-100', { atLeast: 0.6 }),
  against('bare-loop', 'drain, 10 KB ÷ bare loop', 'drain-100-10k', { atLeast: 0.8 }),
  against('bullmq', 'drain, concurrency 1 ÷ BullMQ', 'drain-1', { atLeast: 1.8 }),
  against('jetstream', 'drain, concurrency 1 ÷ JetStream', 'drain-1', { atLeast: 1.2 }),
  {
    title: 'drain, concurrency 1: prefetch 100 ÷ none',
    of: ours('drain-1-prefetch'),
    by: ours('drain-1'),
    atLeast: 10,
  },
  {
    title: 'drain in batches of 100 ÷ one by one, concurrency 100',
    of: ours('drain-batch-100'),
    by: ours('drain-100'),
    atLeast: 1.5,
  },
  against('bullmq', 'drain, AOF always ÷ BullMQ', 'drain-100-always', { atLeast: 8 }),
  { title: 'drain of 1 M ÷ of 100 k', of: ours('backlog-1m'), by: ours('drain-100'), atLeast: 0.9 },
  {
    title: 'bytes of Redis memory per queued message',
    of: ours('drain-100', 'bytesPerQueued'),
    by: undefined,
    atMost: 320,
  },
  against('nest-redis', 'broadcast to 1 ÷ Nest REDIS', 'broadcast-1', { atLeast: 1.5 }),
  against('nest-redis', 'broadcast to 3 ÷ Nest REDIS', 'broadcast-3', { atLeast: 1.5 }),
  {
    title: 'durable events to 3 groups ÷ Nest REDIS, broadcast to 3',
    of: ours('durable-3'),
    by: { contestant: 'nest-redis', workload: 'broadcast-3', figure: RATE },
    atLeast: 1,
  },
  against(
    'nest-redis',
    'idle, 1 pattern: CPU ÷ Nest REDIS',
    'idle-1',
    { atMost: 1 },
    'idleUsPerSecond',
  ),
  against(
    'nest-redis',
    'idle, 50 patterns: CPU ÷ Nest REDIS',
    'idle-50',
    { atMost: 1 },
    'idleUsPerSecond',
  ),
  ...['idle-1', 'idle-50'].map((workload) => ({
    title: `${workload === 'idle-1' ? 'idle, 1 pattern' : 'idle, 50 patterns'}: commands per second and pattern`,
    of: ours(workload, 'commandsPerSecondPerPattern'),
    by: undefined,
    atMost: 1,
  })),
  {
    title: 'delayed messages: ms late at p99',
    of: ours('delay', 'lateP99Ms'),
    by: undefined,
    atMost: 50,
  },
];

/**
 * A ratio is that of the medians over the rounds in which both were measured; its spread is that of the rounds' ratios.
 */
export function outcomeOf(goal: Goal, results: Results): Outcome {
  const value =
    goal.by === undefined ? valueOf(results, goal.of) : ratio(results, goal.of, goal.by);
  if (value === undefined) return { goal, value, isMet: undefined, byCpu: undefined };
  const { atLeast = -Infinity, atMost = Infinity } = goal;
  const isMet = value.median >= atLeast && value.median <= atMost;
  return { goal, value, isMet, byCpu: cpuRatio(goal, results) };
}

function cpuRatio({ of, by }: Goal, results: Results): number | undefined {
  if (by === undefined || of.figure !== RATE) return undefined;
  return ratio(results, { ...by, figure: 'cpuUs' }, { ...of, figure: 'cpuUs' })?.median;
}

function valueOf(results: Results, { contestant, workload, figure }: Term): Summary | undefined {
  return figureOf(results, contestant, workload, figure);
}

function ratio(results: Results, of: Term, by: Term): Summary | undefined {
  const below = valuesByRound(results, by);
  const pairs = [...valuesByRound(results, of)].flatMap(([round, value]) => {
    const other = below.get(round);
    return other === undefined ? [] : [{ value, other }];
  });
  if (pairs.length === 0) return undefined;
  const { least, most } = summarise(pairs.map(({ value, other }) => value / other));
  const above = summarise(pairs.map(({ value }) => value)).median;
  return { median: above / summarise(pairs.map(({ other }) => other)).median, least, most };
}

function valuesByRound(results: Results, { contestant, workload, figure }: Term) {
  const values = new Map<number, number>();
  for (const { round, figures } of samplesOf(results, contestant, workload)) {
    const value = figures[figure];
    if (value !== undefined) values.set(round, value);
  }
  return values;
}

export function wanted({ atLeast, atMost }: Goal): string {
  return atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
}
