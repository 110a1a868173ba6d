import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reportOf } from './report.js';
import { runChaos, SERVERS } from './run.js';
import { judge } from './verdict.js';

const usage = `npm run test:chaos -- [--redis single|sentinel] [--minutes M] [--seed S]

Runs producers, consumers and a Redis in separate processes under random faults for M minutes (default 2).
Then everything has to come to rest with nothing lost. The same seed gives the same faults in the same order.
Redis is a single server (the default), or a primary with two replicas and three Sentinels.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      redis: { type: 'string', default: 'single' },
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const { redis } = values;
  const minutes = Number(values.minutes);
  const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
  if (values.help === true || !isRedis(redis) || !(minutes > 0) || !Number.isSafeInteger(seed)) {
    process.stdout.write(usage);
    return values.help === true ? 0 : 2;
  }
  const title = `${redis}, seed ${seed}, ${minutes} min`;
  const directory = mkdtempSync(join(tmpdir(), 'chaos-'));
  console.log(`${title}; journals and logs: ${directory}`);
  const { record, recoveries, wedge } = await runChaos({ redis, minutes, seed, directory });
  const verdict = judge(record);
  const violations = [
    ...(wedge === undefined ? [] : [{ what: wedge, ids: [] }]),
    ...verdict.violations,
  ];
  const report = reportOf(title, { ...verdict, violations }, recoveries, record);
  console.log(`\n${report}`);
  if (violations.length === 0) {
    rmSync(directory, { recursive: true });
    return 0;
  }
  writeFileSync(join(directory, 'report.txt'), report);
  console.log(`journals, logs and this report: ${directory}`);
  return 1;
}

function isRedis(name: string): name is keyof typeof SERVERS {
  return Object.hasOwn(SERVERS, name);
}

process.exitCode = await main();
