/** What is reported about one figure over the rounds of a run, as percentiles. */
const OF_ROUNDS = { median: 50, least: 0, most: 100 };
const OF_MESSAGES = { least: 0, p50: 50, p90: 90, p99: 99, most: 100 };

export type Summary = Told<typeof OF_ROUNDS>;
export type Percentiles = Told<typeof OF_MESSAGES>;
type Told<Percents> = { readonly [Name in keyof Percents]: number };

export function summarise(values: readonly number[]): Summary {
  return tell(values, OF_ROUNDS);
}

export function percentilesOf(values: readonly number[]): Percentiles {
  return tell(values, OF_MESSAGES);
}

function tell<Percents extends Readonly<Record<string, number>>>(
  values: readonly number[],
  percents: Percents,
): Told<Percents> {
  const ascending = [...values].sort((a, b) => a - b);
  const told = Object.entries(percents).map(([name, percent]) => [
    name,
    percentile(ascending, percent),
  ]);
  return Object.fromEntries(told) as Told<Percents>; // a number for each name
}

/** Interpolates between neighbours; NaN if there are no values. */
export function percentile(ascending: ArrayLike<number>, percent: number): number {
  const place = ((ascending.length - 1) * percent) / 100;
  const below = ascending[Math.floor(place)] ?? NaN;
  const above = ascending[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}
