import type { FigureName, Figures } from './figures.js';
import type { Account } from './ledger.js';
import { summarise, type Summary } from './statistics.js';

/** One measurement of one contestant in one round. */
export interface SampleResult {
  readonly contestant: string;
  readonly workload: string;
  readonly round: number;
  readonly figures: Figures;
  readonly account: Account;
  /** Calls of the producer that ended with an error, and the first error. */
  readonly failed: number;
  readonly error: string | undefined;
}

/** Why a contestant has no figure where it should have one. */
export interface Omission {
  readonly contestant: string;
  readonly workload: string;
  /** Earlier rounds may have figures. */
  readonly round: number;
  readonly reason: string;
  /** Something went wrong; if false, the contestant does not offer this, or its server is not installed. */
  readonly isFailure: boolean;
}

export interface RunDescription {
  readonly date: string;
  readonly command: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
}

/** Everything that a run found out: the JSON file. */
export interface Results {
  readonly run: RunDescription;
  readonly samples: readonly SampleResult[];
  readonly omissions: readonly Omission[];
}

export function samplesOf(
  { samples }: Results,
  contestant: string,
  workload: string,
): readonly SampleResult[] {
  return samples.filter(
    (sample) => sample.contestant === contestant && sample.workload === workload,
  );
}

/** A figure over all rounds; undefined if it was not measured. */
export function figureOf(
  results: Results,
  contestant: string,
  workload: string,
  name: FigureName,
): Summary | undefined {
  const values = samplesOf(results, contestant, workload)
    .map(({ figures }) => figures[name])
    .filter((value) => value !== undefined && Number.isFinite(value));
  return values.length === 0 ? undefined : summarise(values as number[]);
}

/** The faults in words; undefined if everything arrived as it should. */
export function faultsOf(samples: readonly SampleResult[]): string | undefined {
  const sum = (of: (sample: SampleResult) => number): number =>
    samples.reduce((total, sample) => total + of(sample), 0);
  const faults = [
    [sum(({ account }) => account.lost), 'lost'],
    [sum(({ account }) => account.duplicated), 'duplicated'],
    [sum(({ account }) => account.damaged), 'damaged'],
    [sum(({ failed }) => failed), 'failed'],
  ] as const;
  const found = faults.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return found.length === 0 ? undefined : found.join(', ');
}
