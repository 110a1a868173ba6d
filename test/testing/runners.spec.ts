import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, jest, test } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';

// It starts processes, which takes its time on a loaded machine.
jest.setTimeout(120_000);

const rig = redisRig();
const COMPILED = 'dist/examples/testing/node-test/shop.test.js';

/** Compiled, as Node 20 runs no TypeScript. A process that leaves anything open does not end. */
test.each(['memory', 'Redis'])('the example of node:test runs on %s, and ends', async (where) => {
  const { REDIS_URL: _none, NODE_OPTIONS: _flags, ...others } = process.env;
  const env = where === 'Redis' ? { ...others, REDIS_URL: rig.redis.url } : others;
  const cwd = fileURLToPath(new URL('../../', import.meta.url));
  const args = ['--test', '--test-reporter=tap', COMPILED];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd,
    env,
    timeout: 100_000,
  });
  expect(stdout).toContain('# pass 2\n');
});
