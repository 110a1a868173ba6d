import { parseArgs } from 'node:util';
import { CONTESTANTS, type ContestantInfo } from './contestants.js';
import { WORKLOADS, type Workload } from './workloads.js';

export type Command =
  | { readonly kind: 'help' | 'list' }
  | { readonly kind: 'report'; readonly file: string }
  | { readonly kind: 'run'; readonly run: RunArguments };

export interface RunArguments {
  readonly contestants: readonly ContestantInfo[];
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly seconds: number;
  readonly messages: number | undefined;
  /** No sample begins after this many seconds. */
  readonly withinSeconds: number;
  readonly json: string | undefined;
}

/** A mistake in the command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `npm run bench -- [options]

  --only ours,nest-redis   contestants (default: all; --list shows them)
  --work one-way,drain-1   workloads (default: all); one- takes all that begin with it
  --reps 3                 rounds; in each, every contestant has its turn
  --seconds 2              how long a measured phase takes if its length is free
  --messages 10000         how many messages it has, instead of --seconds; also the size of backlogs
  --within 3600            begin no sample after this many seconds
  --smoke                  defaults for a short run of the most important workloads
  --json FILE              write every sample and the description of the run there
  --report FILE            do not run: fill docs/performance.md and its charts from such a file
  --list                   contestants and workloads
  --help                   this text`;

const OPTIONS = {
  only: { type: 'string' },
  work: { type: 'string' },
  reps: { type: 'string' },
  seconds: { type: 'string' },
  messages: { type: 'string' },
  within: { type: 'string' },
  smoke: { type: 'boolean' },
  json: { type: 'string' },
  report: { type: 'string' },
  list: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** @throws UsageError */
export function readArguments(given: readonly string[]): Command {
  const values = parsed(given);
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  if (values.report !== undefined) return { kind: 'report', file: values.report };
  const defaults = values.smoke ? SMOKE : FULL;
  return {
    kind: 'run',
    run: {
      contestants: chosen(CONTESTANTS, values.only ?? defaults.only, '--only'),
      workloads: chosen(WORKLOADS, values.work ?? defaults.work, '--work'),
      rounds: number(values.reps, '--reps') ?? defaults.rounds,
      seconds: number(values.seconds, '--seconds') ?? defaults.seconds,
      messages: number(values.messages, '--messages'),
      withinSeconds: number(values.within, '--within') ?? defaults.withinSeconds,
      json: values.json,
    },
  };
}

const FULL = {
  only: undefined,
  work: undefined,
  rounds: 3,
  seconds: 2,
  withinSeconds: 86_400,
};

/** Needs nothing that is not installed at the root, and ends within two minutes. */
const SMOKE = {
  only: 'ours,nest-redis,bare-loop',
  work: 'one-way,request-1,request-100,drain-100,broadcast-1,one-way-10k,drain-1,drain-1-prefetch',
  rounds: 3,
  seconds: 0.7,
  withinSeconds: 85,
};

function parsed(given: readonly string[]) {
  try {
    return parseArgs({ args: [...given], options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Chosen by id, or by the beginning of an id up to a hyphen; in the order of `all`. */
function chosen<T extends { readonly id: string }>(
  all: readonly T[],
  text: string | undefined,
  option: string,
): T[] {
  if (text === undefined) return [...all];
  const names = text.split(',').map((name) => name.trim());
  const matches = (id: string, name: string): boolean =>
    id === name || (name.endsWith('-') && id.startsWith(name));
  const unknown = names.find((name) => !all.some(({ id }) => matches(id, name)));
  if (unknown !== undefined) {
    throw new UsageError(
      `${option} knows no ${unknown}; there are ${all.map(({ id }) => id).join(', ')}`,
    );
  }
  return all.filter(({ id }) => names.some((name) => matches(id, name)));
}

function number(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`${option} must be a number above 0, got ${text}`);
}
