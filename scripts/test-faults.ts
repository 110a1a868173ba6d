import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const usage = `npm run test:faults -- [--redis single|sentinel] [--rounds N] [--seed S]

The faults suite on real servers and processes, with N rounds in each test that has rounds, and random choices by the
seed S. Without options, it runs as in npm test. If only rounds are given, it chooses a seed, and prints it.
With '--redis sentinel', clients find Redis by a Sentinel, and it has a replica.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      redis: { type: 'string', default: 'single' },
      rounds: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const rounds = wholeNumber(values.rounds);
  const seed =
    wholeNumber(values.seed) ?? (rounds === undefined ? undefined : Date.now() % 1_000_000_000);
  const isKnown = ['single', 'sentinel'].includes(values.redis);
  if (values.help === true || Number.isNaN(rounds) || Number.isNaN(seed) || !isKnown) {
    process.stdout.write(usage);
    return values.help === true ? 0 : 2;
  }
  if (seed !== undefined) console.log(`seed ${seed}`);
  const environment = {
    ...process.env,
    TEST_REDIS: values.redis,
    ...(rounds === undefined ? {} : { FAULT_ROUNDS: String(rounds) }),
    ...(seed === undefined ? {} : { FAULT_SEED: String(seed) }),
  };
  const jest = ['run', '--silent', 'jest', '--', 'test/faults', 'test/contract'];
  const child = spawn('npm', jest, { stdio: 'inherit', env: environment });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return exitCode ?? 1;
}

/** NaN for what is not a number. */
function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

process.exitCode = await main();
