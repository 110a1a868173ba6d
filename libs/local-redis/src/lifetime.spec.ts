import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { isFreePort } from './free-port.js';
import { probe } from './probe.js';
import { redisUrl } from './redis-url.js';
import { until } from './until.js';

/** A program that uses this package, so that a test can end it as it likes. */
class Program {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;

  /** Runs the lines of an ES module in a Node of its own. It prints JSON with `print`. */
  constructor(lines: readonly string[]) {
    const index = new URL('../dist/index.js', import.meta.url).href;
    const source = [
      `import { redisUrl, startRedis } from ${JSON.stringify(index)};`,
      `const print = (value) => console.log(JSON.stringify(value));`,
      `process.stdin.resume();`,
      ...lines,
    ];
    const child = spawn(process.execPath, ['--input-type=module', '-e', source.join('\n')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', resolve));
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** The next thing that the program printed. */
  async printed<Value>(): Promise<Value> {
    const line = await this.#lines.next();
    if (line.done) throw new Error('the program has ended');
    return JSON.parse(line.value) as Value;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

const deadlineMs = 15_000;

/** Waits until no process listens on the port, not even a stopped one. */
async function expectGone(port: number): Promise<void> {
  const gone = await until(deadlineMs, async () => (await isFreePort(port)) || undefined);
  expect(gone).toBe(true);
}

async function expectRemoved(path: string): Promise<void> {
  expect(await until(deadlineMs, () => !existsSync(path) || undefined)).toBe(true);
}

let directory: string;
let programs: Program[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lifetime-spec-'));
  programs = [];
});

afterEach(async () => {
  await Promise.all(programs.map((program) => program.kill()));
  await until(deadlineMs, async () => {
    const queue = (await readdir(directory)).find((name) => name.startsWith('users-'));
    return queue === undefined || undefined;
  });
  await rm(directory, { recursive: true });
});

function run(...lines: string[]): Program {
  const program = new Program(lines);
  programs.push(program);
  return program;
}

describe('a private server', () => {
  interface Server {
    readonly port: number;
    readonly pid: number;
  }
  const started = [
    `process.env.TMPDIR = ${JSON.stringify('DIRECTORY')};`,
    `const redis = await startRedis();`,
    `print({ port: redis.port, pid: redis.pid });`,
  ];

  function runStarted(...lines: string[]): Program {
    return run(...started.map((line) => line.replace('DIRECTORY', directory)), ...lines);
  }

  async function expectNothingLeft(port: number): Promise<void> {
    await expectGone(port);
    const empty = await until(deadlineMs, async () => {
      return (await readdir(directory)).length === 0 || undefined;
    });
    expect(empty).toBe(true);
  }

  test('ends with a process that is killed, and its directory too', async () => {
    const program = runStarted();
    const { port, pid } = await program.printed<Server>();
    expect(await probe(port)).toEqual({ state: 'ready', pid });

    await program.kill();

    await expectNothingLeft(port);
  });

  test('ends with a process that is killed while the server is paused', async () => {
    const program = runStarted(`redis.pause(); print('paused');`);
    const { port } = await program.printed<Server>();
    await program.printed();

    await program.kill();

    await expectNothingLeft(port);
  });

  test('leaves no directory if the process is killed after the server', async () => {
    const program = runStarted(`await redis.kill(); print('killed');`);
    const { port } = await program.printed<Server>();
    await program.printed();

    await program.kill();

    await expectNothingLeft(port);
  });

  test('ends with the process after a restart', async () => {
    const program = runStarted(`await redis.restart(); print('restarted');`);
    const { port } = await program.printed<Server>();
    await program.printed();

    await program.kill();

    await expectNothingLeft(port);
  });

  test('does not keep its process running', async () => {
    const program = runStarted(`process.stdin.unref();`);
    const { port } = await program.printed<Server>();

    await expectNothingLeft(port);
  });

  test('leaves nothing behind if the process is killed while the server starts', async () => {
    const program = run(
      `process.env.TMPDIR = ${JSON.stringify(directory)};`,
      `print('starting');`,
      `startRedis();`,
    );
    await program.printed();
    await until(deadlineMs, async () => (await readdir(directory)).length > 0 || undefined);
    const [own = ''] = await readdir(directory);
    await until(deadlineMs, () => existsSync(join(directory, own, 'redis.log')) || undefined);

    await program.kill();

    await expectRemoved(join(directory, own));
  });
});

describe('the shared server', () => {
  function joined(): Program {
    return run(
      `const redis = await redisUrl({ environment: {}, directory: ${JSON.stringify(directory)} });`,
      `print(redis.url);`,
    );
  }

  function portOf(url: string): number {
    return Number(new URL(url).port);
  }

  async function command(url: string, name: string, ...words: string[]): Promise<unknown> {
    const client = new Redis(url, { retryStrategy: null });
    try {
      return await client.call(name, ...words);
    } finally {
      client.disconnect();
    }
  }

  test('is one for several processes and ends with the last, however they end', async () => {
    const starter = joined();
    const url = await starter.printed<string>();
    const joiner = joined();
    expect(await joiner.printed()).toBe(url);
    const { pid } = await probe(portOf(url));

    await starter.kill();
    const third = joined();
    expect(await third.printed()).toBe(url);
    await joiner.kill();
    expect(await probe(portOf(url))).toEqual({ state: 'ready', pid });
    await third.kill();

    await expectGone(portOf(url));
  });

  test('is one for processes that ask at the same time', async () => {
    const together = Array.from({ length: 6 }, joined);

    const urls = await Promise.all(together.map((program) => program.printed<string>()));

    expect(new Set(urls).size).toBe(1);
    const queues = (await readdir(directory)).filter((name) => name.startsWith('users-'));
    expect(queues).toHaveLength(1);
  });

  test('can be had while the last user leaves', async () => {
    for (let round = 0; round < 10; round += 1) {
      const first = await redisUrl({ environment: {}, directory });
      const [second] = await Promise.all([redisUrl({ environment: {}, directory }), first.stop()]);
      expect(await command(second.url, 'PING')).toBe('PONG');
      await second.stop();
    }
  });

  test('keeps its data for the next time', async () => {
    const first = await redisUrl({ environment: {}, directory });
    await command(first.url, 'SET', 'kept', 'yes');
    await first.stop();
    await expectGone(portOf(first.url));

    const second = await redisUrl({ environment: {}, directory });

    expect(await command(second.url, 'GET', 'kept')).toBe('yes');
    await second.stop();
  });

  test('ends with a killed process while it is paused', async () => {
    const program = joined();
    const url = await program.printed<string>();
    const { pid } = await probe(portOf(url));
    process.kill(pid ?? 0, 'SIGSTOP');

    await program.kill();

    await expectGone(portOf(url));
  });

  test('starts anew after the files of a crashed machine', async () => {
    const first = await redisUrl({ environment: {}, directory });
    await first.stop();
    await expectGone(portOf(first.url));
    execFileSync('mkfifo', [join(directory, `users-${portOf(first.url)}.${process.pid}`)]);

    const second = await redisUrl({ environment: {}, directory });

    expect(await command(second.url, 'PING')).toBe('PONG');
    await second.stop();
  });

  test('comes back after the server alone was killed', async () => {
    const program = joined();
    const url = await program.printed<string>();
    const { pid } = await probe(portOf(url));

    process.kill(pid ?? 0, 'SIGKILL');
    await expectGone(portOf(url));

    const again = joined();
    expect(await again.printed()).toBe(url);
  });

  test('is not needed where REDIS_URL is set', async () => {
    const environment = { REDIS_URL: 'redis://ada:secret@elsewhere:1/2' };
    const given = await redisUrl({ environment, directory });

    expect(given.url).toBe('redis://ada:secret@elsewhere:1/2');
    expect(given.description).toBe('redis://elsewhere:1/2, from REDIS_URL');
    await given.stop();
    expect(await readdir(directory)).toEqual([]);
  });
});
