import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach } from '@jest/globals';
import { findPython } from 'local-redis';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { nestRig } from '../support/nest-rig.js';
import type { NestRig } from '../support/nest-rig.js';
import { PythonProgram } from '../support/python-program.js';

/** The programs of `examples/python` beside our servers and clients, on the Redis of the spec file. */
export interface WireRig {
  readonly nest: NestRig;
  /** From now on in this test, what is started reaches Redis by this URL. */
  useUrl(url: string): void;
  /** Starts a program, and ends it after the test. */
  run(program: string, ...args: string[]): PythonProgram;
  /** Runs a program to its end, which must be a success. Returns what it printed. */
  finish(program: string, ...args: string[]): Promise<string[]>;
  /** Starts a consumer that has joined. */
  consume(queue: string, ...args: string[]): Promise<PythonProgram>;
  /** Writes a file for this test. Returns its path. */
  file(content: Buffer): Promise<string>;
  admin(): RedisQueueAdmin;
}

/** For consumers that are to lose it: the shortest lease that the library allows. */
export const LEASE_MS = 1_000;
export const SHORT_LEASE = ['--lease', String(LEASE_MS)];

/** Data that shows a wrong encoding on the way. */
export const GREETING = 'Grüße, 世界 🚀 "\\\n';

/**
 * Call it at the top of a spec file. Without Python and redis-py, every test of the file fails, and says what to do.
 */
export function wireRig(): WireRig {
  const nest = nestRig();
  let python = '';
  let url = '';
  beforeAll(async () => {
    python = await findPython({ mayInstall: false });
  });
  beforeEach(() => {
    ({ url } = nest.redis);
  });
  const run = (program: string, ...args: string[]): PythonProgram => {
    const settings = { python, url, prefix: nest.prefix };
    return nest.closeLater(new PythonProgram(program, args, settings));
  };
  return {
    nest,
    useUrl: (other) => {
      url = other;
    },
    run,
    finish: async (program, ...args) => {
      const started = run(program, ...args);
      const end = await started.ended;
      if (end !== 0) throw new Error(`${program}.py ended with ${end}: ${started.complaints}`);
      return started.printed;
    },
    consume: async (queue, ...args) => {
      const consumer = run('consumer', ...args, queue);
      await consumer.prints('joined ');
      return consumer;
    },
    file: async (content) => {
      const folder = await mkdtemp(join(tmpdir(), 'wire-'));
      nest.closeLater({ close: () => rm(folder, { recursive: true }) });
      const path = join(folder, 'content');
      await writeFile(path, content);
      return path;
    },
    admin: () => {
      const { connection, prefix } = nest.clientOptions();
      return nest.closeLater(new RedisQueueAdmin({ connection, prefix }));
    },
  };
}
