/** The variables of the process, or of a test. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface WholeNumberRule {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** An empty variable counts as unset: that is how Compose files and CI pass "nothing". */
export function readText(environment: Environment, name: string, fallback: string): string {
  const text = environment[name]?.trim();
  return text === undefined || text === '' ? fallback : text;
}

/** Never coerces: `CONCURRENCY=ten` stops the service instead of running it with a guess. */
export function readWholeNumber(
  environment: Environment,
  name: string,
  { fallback, min, max }: WholeNumberRule,
): number {
  const text = readText(environment, name, String(fallback));
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new Error(`${name} must be a whole number from ${min} to ${max}, got "${text}"`);
  }
  return value;
}
