import { makeScenario } from '../scenario/make-scenario.js';
import { simulate } from './simulate.js';

export interface Failure {
  readonly seed: string;
  readonly violations: readonly string[];
  readonly traceHash: string;
}

/** Runs the seeds `first`, `first + step` … below `count`, and returns the first that fails. */
export async function runSeeds(
  seed: string,
  first: number,
  step: number,
  count: number,
): Promise<{ readonly ran: number; readonly failure: Failure | undefined }> {
  let ran = 0;
  for (let index = first; index < count; index += step) {
    const name = nameOf(seed, index);
    const { violations, traceHash } = await simulate(makeScenario(name));
    ran += 1;
    if (violations.length > 0) return { ran, failure: { seed: name, violations, traceHash } };
  }
  return { ran, failure: undefined };
}

/** The name of the n-th schedule of a seed; by itself it can be run again. */
export function nameOf(seed: string, index: number): string {
  return `${seed}.${index}`;
}
