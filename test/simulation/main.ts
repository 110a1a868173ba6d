import { execFileSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { makeScenario } from './scenario/make-scenario.js';
import { runSeeds } from './run/seeds.js';
import type { Failure } from './run/seeds.js';
import { shrink } from './run/shrink.js';
import { simulate } from './run/simulate.js';
import { storyOf } from './run/story.js';

const USAGE = `npm run test:simulate -- [--seeds N] [--seed S] [--workers N]
npm run test:simulate -- --replay SEED.NUMBER

Runs N schedules (1000) of the seed S (of the commit) in virtual time, or one of them again.
The first one that breaks a rule is shrunk to a short story.`;

interface Share {
  readonly seed: string;
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

interface ShareResult {
  readonly ran: number;
  readonly failure: Failure | undefined;
}

if (isMainThread) process.exitCode = await main();
else {
  const { seed, first, step, count } = workerData as Share; // from `shareOf`
  parentPort?.postMessage(await runSeeds(seed, first, step, count));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      seed: { type: 'string' },
      workers: { type: 'string', default: '2' },
      replay: { type: 'string' },
      brief: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return tell(USAGE, 0);
  if (values.replay !== undefined) return replay(values.replay);
  const seed = values.seed ?? seedOfCommit();
  const beganAt = performance.now();
  const [count, workers] = [countOf('seeds', values.seeds), countOf('workers', values.workers)];
  const { ran, failure } = await runShares(seed, count, workers);
  const seconds = (performance.now() - beganAt) / 1_000;
  const rate = `${ran} schedules of seed ${seed} in ${seconds.toFixed(1)} s: ${Math.round(ran / seconds)} a second`;
  if (failure === undefined) return tell(`${rate}. Every rule held.`, 0);
  if (values.brief) return tell(JSON.stringify(failure), 1);
  tell(`${rate}. Schedule ${failure.seed} broke a rule:`, 1);
  const shrunk = await shrink(makeScenario(failure.seed));
  tell(await storyOf(shrunk), 1);
  return tell(`\nTo run it again: npm run test:simulate -- --replay ${failure.seed}`, 1);
}

/** @throws for what is no number: no schedule would run, and every rule hold */
function countOf(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new Error(`--${option} must be a whole number above 0, got ${text}`);
}

async function runShares(seed: string, count: number, workers: number): Promise<ShareResult> {
  if (workers <= 1) return runSeeds(seed, 0, 1, count);
  const shares = Array.from({ length: workers }, (_, first) =>
    shareOf({ seed, first, step: workers, count }),
  );
  const results = await Promise.all(shares);
  const failures = results.flatMap(({ failure }) => failure ?? []);
  const ran = results.reduce((sum, result) => sum + result.ran, 0);
  return { ran, failure: failures.sort((one, other) => numberOf(one) - numberOf(other))[0] };
}

function numberOf({ seed }: Failure): number {
  return Number(seed.slice(seed.lastIndexOf('.') + 1));
}

function shareOf(share: Share): Promise<ShareResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.once('message', (result: ShareResult) => resolve(result));
    worker.once('error', reject);
  });
}

async function replay(name: string): Promise<number> {
  const scenario = makeScenario(name);
  const { violations, traceHash } = await simulate(scenario);
  if (violations.length === 0) return tell(`${name}, trace ${traceHash}: every rule held.`, 0);
  tell(`${name}, trace ${traceHash}. Shrunk:`, 1);
  return tell(await storyOf(await shrink(scenario)), 1);
}

/** The seeds of the day: another commit, other schedules. */
function seedOfCommit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim();
  } catch {
    return '1'; // not in a checkout
  }
}

function tell(text: string, status: number): number {
  process.stdout.write(`${text}\n`);
  return status;
}
