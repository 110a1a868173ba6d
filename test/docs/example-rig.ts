import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type LocalRedis } from 'local-redis';
import { ExampleProcess } from './example-process.js';

/** What the specs of examples share: a Redis that is empty for each test, and processes that end with it. */
export interface ExampleRig {
  readonly commands: Redis;
  /** Starts an example by its name, on the rig's Redis. */
  start(example: string, environment?: Record<string, string>): ExampleProcess;
}

/** Call it at the top of a spec file. */
export function exampleRig(): ExampleRig {
  let redis: LocalRedis;
  let commands: Redis;
  let running: ExampleProcess[];

  beforeAll(async () => {
    redis = await startRedis();
    commands = new Redis(redis.url);
  });

  afterAll(async () => {
    commands.disconnect();
    await redis.stop();
  });

  beforeEach(async () => {
    running = [];
    await commands.flushall();
  });

  afterEach(() => Promise.all(running.map((example) => example.stop('SIGKILL'))));

  return {
    get commands() {
      return commands;
    },
    start(example, environment = {}) {
      const started = new ExampleProcess(example, { REDIS_URL: redis.url, ...environment });
      running.push(started);
      return started;
    },
  };
}
