import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import { eventually } from '../support/eventually.js';

let directory: string;
let demo: DemoProcess;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'demo-spec-'));
});

afterEach(async () => {
  demo.signal('SIGKILL');
  await demo.exitCode;
  // redis-server goes a moment after the demo, and may write meanwhile.
  await eventually(() => rm(directory, { recursive: true, force: true }));
});

/** The compiled demo as a user starts it. */
class DemoProcess {
  readonly exitCode: Promise<number | null>;
  output = '';
  readonly #child: ChildProcess;

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const main = join(import.meta.dirname, '..', '..', 'dist', 'scripts', 'demo', 'main.js');
    this.#child = spawn(process.execPath, [main, ...args], {
      // A killed demo cannot remove its files: they are the test's to remove.
      env: { ...process.env, REDIS_URL: '', TMPDIR: directory, ...environment },
    });
    this.#child.stdout?.on('data', (data) => (this.output += String(data)));
    this.#child.stderr?.on('data', (data) => (this.output += String(data)));
    this.exitCode = new Promise((resolve) => this.#child.once('close', resolve));
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Process ids of the services, in the order of their starts. */
  get servicePids(): number[] {
    return [...this.output.matchAll(/-service .*pid (\d+)/g)].map((match) => Number(match[1]));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('the demo', () => {
  test('stops what it has started when it is interrupted', async () => {
    demo = new DemoProcess([]);
    await eventually(() => expect(demo.output).toContain('started again'), 20_000);
    const pids = demo.servicePids;
    demo.signal('SIGINT');
    expect(await demo.exitCode).toBe(130);
    expect(pids.length).toBeGreaterThanOrEqual(3);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('leaves nothing behind after a Ctrl-C, which a terminal and npm both send', async () => {
    const redis = await startRedis();
    const commands = new Redis(redis.url);
    try {
      demo = new DemoProcess(['--orders', '5', '--keep'], { REDIS_URL: redis.url });
      await eventually(() => expect(demo.output).toContain('All is still running'), 25_000);
      expect(await commands.dbsize()).toBeGreaterThan(0);
      demo.signal('SIGINT');
      demo.signal('SIGTERM');
      expect(await demo.exitCode).toBe(0);
      expect(demo.servicePids.filter(isAlive)).toEqual([]);
      expect(await readdir(directory)).toEqual([]);
      expect(await commands.keys('*')).toEqual([]);
    } finally {
      commands.disconnect();
      await redis.stop();
    }
  });

  test('takes its services with it when it is killed', async () => {
    demo = new DemoProcess([]);
    await eventually(() => expect(demo.servicePids).toHaveLength(2), 20_000);
    demo.signal('SIGKILL');
    await eventually(() => expect(demo.servicePids.filter(isAlive)).toEqual([]));
  });

  test('shows the output of a service that does not start', async () => {
    demo = new DemoProcess([], { LEASE_MS: 'long' });
    expect(await demo.exitCode).toBe(1);
    expect(demo.output).toContain(
      'LEASE_MS must be a whole number from 1000 to 600000, got "long"',
    );
  });

  test('says what is wrong with its arguments, and starts nothing', async () => {
    demo = new DemoProcess(['--orders', 'many']);
    expect(await demo.exitCode).toBe(2);
    expect(demo.output).toContain('--orders must be a whole number from 1 to 100000, got "many"');
  });
});
