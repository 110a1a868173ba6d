import type { Given } from './given.js';
import { durationOf } from './duration.js';
import { UsageError } from './usage-error.js';

type Values = Readonly<Record<string, unknown>>;

/** The options of one command line, as `parseArgs` of Node read them. */
export class GivenOptions implements Given {
  constructor(private readonly values: Values) {}

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  count(name: string, least: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new UsageError(`--${name} must be a whole number from ${least} on, got "${text}".`);
  }

  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const ms = durationOf(text);
    if (ms !== undefined) return ms;
    throw new UsageError(
      `--${name} must be a time with its unit (500ms, 10s, 5m, 2h, 7d), got "${text}".`,
    );
  }
}
