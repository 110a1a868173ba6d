/** What is told about one figure over the rounds of a run. */
export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function summarise(values: readonly number[]): Summary {
  const ascending = sorted(values);
  return {
    median: percentile(ascending, 50),
    least: percentile(ascending, 0),
    most: percentile(ascending, 100),
  };
}

/** Between two neighbours it takes the share of each; NaN of nothing. */
export function percentile(ascending: ArrayLike<number>, percent: number): number {
  const place = ((ascending.length - 1) * percent) / 100;
  const below = ascending[Math.floor(place)] ?? NaN;
  const above = ascending[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export interface Percentiles {
  readonly least: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly most: number;
}

export function percentilesOf(values: readonly number[]): Percentiles {
  const ascending = sorted(values);
  return {
    least: percentile(ascending, 0),
    p50: percentile(ascending, 50),
    p90: percentile(ascending, 90),
    p99: percentile(ascending, 99),
    most: percentile(ascending, 100),
  };
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
