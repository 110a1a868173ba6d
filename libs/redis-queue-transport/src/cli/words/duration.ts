const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `500ms`, `10s`, `5m`, `2h` or `7d` in ms; undefined for anything else. */
export function durationOf(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const ms = Math.round(Number(amount) * (UNIT_MS[unit] ?? NaN));
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** For people, with the two largest units: `2h 5m`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(ms < 10_000 ? 1 : 0)}s`;
  const [size, large, smallSize, small] = LARGE.find(([least]) => ms >= least) ?? MINUTES;
  const rest = Math.floor((ms % size) / smallSize);
  return `${Math.floor(ms / size)}${large}${rest === 0 ? '' : ` ${rest}${small}`}`;
}

const MINUTES = [60_000, 'm', 1_000, 's'] as const;

const LARGE = [[86_400_000, 'd', 3_600_000, 'h'], [3_600_000, 'h', 60_000, 'm'], MINUTES] as const;
