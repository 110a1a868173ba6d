import { nestRig } from '../support/nest-rig.js';
import type { NestRig } from '../support/nest-rig.js';
import { CliProcess } from './cli-process.js';
import type { CliOptions, CliResult } from './cli-process.js';

/** A Redis with apps on it, and command lines that look at it. */
export interface CliRig {
  readonly rig: NestRig;
  start(words: readonly string[], options?: CliOptions): CliProcess;
  run(...words: readonly string[]): Promise<CliResult>;
  /** The same with `--json`. Returns what it printed, once it has ended with 0. */
  json(...words: readonly string[]): Promise<unknown>;
}

/** A rig that lives as long as the spec file. Call it at the top of one. */
export function cliRig(): CliRig {
  const rig = nestRig();
  const start = (words: readonly string[], options: CliOptions = {}): CliProcess =>
    rig.closeLater(
      CliProcess.start([...words, '--prefix', rig.prefix], { url: rig.redis.url, ...options }),
    );
  const run = (...words: readonly string[]): Promise<CliResult> => start(words).result();
  const json = async (...words: readonly string[]): Promise<unknown> => {
    const result = await run(...words, '--json');
    if (result.code !== 0) throw new Error(`It ended with ${result.code}: ${result.err}`);
    return result.json;
  };
  return { rig, start, run, json };
}
