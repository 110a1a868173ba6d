import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { rounds } from '../support/seed.js';

const rig = redisRig();

interface Reading {
  readonly heapBytes: number;
  readonly connections: number;
  readonly keys: number;
  /** Without what Redis needs for itself and for connections. */
  readonly redisBytes: number;
  readonly handled: number;
  readonly handledOfKeys: number;
}

const ROUNDS = rounds(40);
/** More growth between the second and the last quarter is a leak: the noise of the heap is well below. */
const MOST_GROWTH = 1.15;

test(`under ${ROUNDS} rounds of killed connections, memory, keys and connections do not grow`, async () => {
  const program = resolve('dist/test/programs/soak.js'); // from the root, since npm runs the tests there
  const child = fork(program, [rig.redis.url, String(ROUNDS)], { execArgv: ['--expose-gc'] });
  rig.closeLater({ close: () => child.kill('SIGKILL') });
  const readings: Reading[] = [];
  child.on('message', (reading) => readings.push(reading as Reading)); // the program sends nothing else
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  expect(exitCode).toBe(0);
  expect(readings).toHaveLength(ROUNDS);

  const early = readings.slice(ROUNDS / 4, ROUNDS / 2);
  const late = readings.slice(-ROUNDS / 4);
  const median = (of: readonly Reading[], what: keyof Reading): number =>
    of.map((reading) => reading[what]).sort((a, b) => a - b)[Math.floor(of.length / 2)] ?? NaN;
  expect(median(late, 'heapBytes')).toBeLessThan(median(early, 'heapBytes') * MOST_GROWTH);
  expect(median(late, 'connections')).toBe(median(early, 'connections'));
  expect(median(late, 'keys')).toBeLessThanOrEqual(median(early, 'keys'));
  expect(median(late, 'redisBytes')).toBeLessThan(median(early, 'redisBytes') * MOST_GROWTH);
  expect(late.at(-1)?.handled).toBeGreaterThan(ROUNDS * 200);
  expect(late.at(-1)?.handledOfKeys).toBeGreaterThan(ROUNDS * 100);
  await rig.commands.flushall(); // the program has a prefix of its own
}, 600_000);
