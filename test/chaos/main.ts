import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import { dumpQueue, heldIn } from '../support/queue-dump.js';
import { randomNumbers } from '../support/seed.js';
import { ChaosProcess } from './chaos-process.js';
import { chooseFault, type ChaosWorld } from './faults.js';
import { LedgerTail, readLedger } from './ledger-file.js';
import { LEASE_MS, PREFIX, WORK } from './settings.js';
import { judge, type Verdict } from './verdict.js';

const CONSUMERS = 3;
const PRODUCERS = 2;
/** A wedge: messages wait and nothing moves for so long, with nothing broken any more. */
const REST_WITHIN_MS = 120_000;

const usage = `npm run test:chaos -- [--minutes M] [--seed S]

Producers, consumers and a Redis as processes of their own, and random faults, for M minutes (default 2);
then everything has to come to rest with nothing lost. The same seed strikes in the same order.
`;

interface Strike {
  readonly fault: string;
  /** Until a handler ended again after the fault was undone. */
  readonly recoveryMs: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const minutes = Number(values.minutes);
  const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
  if (values.help === true || !(minutes > 0) || !Number.isSafeInteger(seed)) {
    process.stdout.write(usage);
    return values.help === true ? 0 : 2;
  }
  console.log(`seed ${seed}, ${minutes} min`);
  const directory = mkdtempSync(join(tmpdir(), 'chaos-'));
  const redis = await startRedis({ settings: { appendonly: 'yes', appendfsync: 'always' } });
  const commands = new Redis(redis.url);
  commands.on('error', () => undefined); // this Redis is killed on purpose
  const process_ = (program: 'consumer' | 'producer', index: number): ChaosProcess => {
    const name = `${program}-${index + 1}`;
    const ledger = join(directory, `${name}.ledger`);
    return new ChaosProcess(
      { redisUrl: redis.url, prefix: PREFIX, ledger, seed: seed + index, name, leaseMs: LEASE_MS },
      program,
      directory,
    );
  };
  const consumers = Array.from({ length: CONSUMERS }, (_, index) => process_('consumer', index));
  const producers = Array.from({ length: PRODUCERS }, (_, index) => process_('producer', index));
  const world: ChaosWorld = {
    redis,
    commands,
    consumers,
    producers,
    random: randomNumbers(seed),
    garbage: 0,
  };
  try {
    await Promise.all([...consumers, ...producers].map((one) => one.start()));
    const strikes = await strikeFor(minutes * 60_000, world);
    await Promise.all(producers.map((producer) => producer.finish()));
    const isAtRest = await comesToRest(commands);
    const dump = await dumpQueue(commands, PREFIX, WORK);
    await Promise.all(consumers.map((consumer) => consumer.terminate()));
    const hung = producers.flatMap((producer) => producer.hung);
    const verdict = judge(allLedgers(directory), dump, world.garbage, hung);
    const faults = isAtRest
      ? verdict.faults
      : [`wedged: no rest within ${REST_WITHIN_MS} ms`, ...verdict.faults];
    report(seed, minutes, verdict, strikes, faults);
    if (faults.length > 0) console.log(`ledgers and logs: ${directory}`);
    return faults.length > 0 ? 1 : 0;
  } finally {
    await Promise.allSettled([...consumers, ...producers].map((one) => one.kill()));
    commands.disconnect();
    await redis.stop();
  }
}

async function strikeFor(ms: number, world: ChaosWorld): Promise<readonly Strike[]> {
  const strikes: Strike[] = [];
  const tail = new LedgerTail(world.consumers.map(({ settings }) => settings.ledger));
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await pause(500 + world.random() * 3_000);
    const fault = chooseFault(world.random);
    await fault.strike(world);
    const recoveryMs = await recovery(tail);
    strikes.push({ fault: fault.name, recoveryMs });
    const left = Math.max(0, Math.round((end - performance.now()) / 1_000));
    console.log(`${left} s left: ${fault.name}, moving again after ${recoveryMs} ms`);
  }
  return strikes;
}

/** Time until the next handler ends, by the consumers' ledgers. */
async function recovery(tail: LedgerTail): Promise<number> {
  const since = performance.now();
  tail.hasNewEnd();
  while (!tail.hasNewEnd()) {
    if (performance.now() - since > REST_WITHIN_MS)
      throw new Error('Wedged: no handler ends any more.');
    await pause(5);
  }
  return Math.round(performance.now() - since);
}

function allLedgers(directory: string): ReturnType<typeof readLedger> {
  const files = readdirSync(directory).filter((file) => file.endsWith('.ledger'));
  return files.flatMap((file) => readLedger(join(directory, file)));
}

async function comesToRest(commands: Redis): Promise<boolean> {
  const since = performance.now();
  while (performance.now() - since < REST_WITHIN_MS) {
    const dump = await dumpQueue(commands, PREFIX, WORK);
    if (dump.waiting.length + dump.delayed.length + heldIn(dump) === 0) return true;
    await pause(200);
  }
  return false;
}

function report(
  seed: number,
  minutes: number,
  verdict: Verdict,
  strikes: readonly Strike[],
  faults: readonly string[],
): void {
  const { lost, faults: _, ...counts } = verdict;
  console.log(`\nchaos, seed ${seed}, ${minutes} min, ${strikes.length} faults`);
  for (const [name, count] of Object.entries(counts)) console.log(`  ${name.padEnd(20)} ${count}`);
  console.log(`  ${'lost'.padEnd(20)} ${lost.length}`);
  console.log('recovery (ms until a handler ends again): fault, times, median, longest');
  for (const name of [...new Set(strikes.map(({ fault }) => fault))].sort()) {
    const times = strikes
      .filter(({ fault }) => fault === name)
      .map(({ recoveryMs }) => recoveryMs)
      .sort((a, b) => a - b);
    console.log(
      `  ${name.padEnd(34)} ${times.length}  ${times[Math.floor(times.length / 2)]}  ${times.at(-1)}`,
    );
  }
  for (const fault of faults) console.log(`BROKEN: ${fault}`);
  console.log(faults.length === 0 ? 'verdict: everything held' : 'verdict: broken');
}

process.exitCode = await main();
