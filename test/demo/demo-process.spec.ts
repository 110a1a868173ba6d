import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { findFreePort, startRedis, type LocalRedis } from 'local-redis';
import { readText } from '../docs/markdown.js';
import { DemoProcess, isAlive } from './demo-process.js';
import { eventually } from '../support/eventually.js';

jest.setTimeout(180_000);

const ENDS_WITHIN_MS = 120_000;

let directory: string;
let demo: DemoProcess;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'demo-spec-'));
});

afterEach(async () => {
  demo.signalGroup('SIGKILL'); // the group is empty unless a test failed
  await demo.exited;
  // redis-server ends a moment after the demo, and may write meanwhile.
  await eventually(() => rm(directory, { recursive: true, force: true }));
});

async function expectNothingLeft(): Promise<void> {
  expect(demo.servicePids.filter(isAlive)).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
}

describe('with a Redis of its own, the demo', () => {
  test('tells its story as docs/demo.md shows it, succeeds, and leaves nothing behind', async () => {
    demo = new DemoProcess(directory, []);
    expect([await demo.exited, demo.output]).toEqual([0, expect.any(String)]);
    const page = await readText('docs/demo.md');
    const shown = /```text\n(A shop[^]*?)```/.exec(page)?.[1] ?? '';
    expect(withoutFigures(demo.output)).toBe(withoutFigures(shown));
    await expectNothingLeft();
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'stops what it has started at %s',
    async (name) => {
      demo = new DemoProcess(directory, []);
      await demo.shows('kill -9');
      demo.signal(name);
      expect(await demo.exited).toBe(130);
      expect(demo.servicePids).toHaveLength(3);
      await expectNothingLeft();
    },
  );

  test('takes its services and its Redis with it when it is killed', async () => {
    demo = new DemoProcess(directory, []);
    await demo.shows('2. ');
    demo.signal('SIGKILL');
    await demo.exited;
    await eventually(expectNothingLeft);
  });

  test('ends if a service dies that it did not kill, and shows its output', async () => {
    demo = new DemoProcess(directory, []);
    await demo.shows('3. ');
    const [, , inventory = 0] = demo.servicePids;
    process.kill(inventory, 'SIGKILL');
    expect(await demo.exited).toBe(1);
    expect(demo.output).toContain('inventory-service is gone: it ended by SIGKILL');
    await expectNothingLeft();
  });

  test('shows the output of a service that does not start', async () => {
    demo = new DemoProcess(directory, [], { CONCURRENCY: 'many' });
    expect(await demo.exited).toBe(1);
    expect(demo.output).toContain('CONCURRENCY must be a whole number from 1 to 1000, got "many"');
    await expectNothingLeft();
  });
});

describe('with the Redis in REDIS_URL, the demo', () => {
  const password = 'correct-horse';
  let redis: LocalRedis;
  let commands: Redis;
  let environment: NodeJS.ProcessEnv;

  beforeEach(async () => {
    redis = await startRedis({ settings: { requirepass: password } });
    environment = { REDIS_URL: `redis://:${password}@127.0.0.1:${redis.port}/3` };
    commands = new Redis(redis.port, { password, db: 3 });
    await commands.set('of somebody else', 'kept');
  });

  afterEach(async () => {
    commands.disconnect();
    await redis.stop();
  });

  async function expectNoKeyLeft(): Promise<void> {
    expect(await commands.keys('*')).toEqual(['of somebody else']);
    await expectNothingLeft();
  }

  test('does not stop that Redis, and removes its keys at a Ctrl-C in a terminal, which npm passes on', async () => {
    demo = new DemoProcess(directory, ['--orders', '8', '--keep'], environment, [
      'npm',
      'run',
      'demo',
      '--',
    ]);
    await demo.shows('Everything is still running', ENDS_WITHIN_MS);
    expect(demo.output).toContain(`redis://127.0.0.1:${redis.port}/3, the one in REDIS_URL`);
    expect(demo.output).toContain('The books balance');
    expect(demo.output).not.toContain(password);
    const [, prefix = ''] = /(demo-\w{8}):\*/.exec(demo.output) ?? [];
    const own = (await commands.keys('*')).filter((key) => key !== 'of somebody else');
    expect(own.filter((key) => !key.startsWith(`${prefix}:`))).toEqual([]);
    expect(own.length).toBeGreaterThan(0);
    demo.signalGroup('SIGINT');
    await demo.exited;
    await expectNoKeyLeft();
  });

  test('fails if a step is not as expected, says what does not balance, and removes its keys', async () => {
    demo = new DemoProcess(directory, [], environment);
    await demo.shows('2. ');
    const [, prefix = ''] = /(demo-\w{8}):\*/.exec(demo.output) ?? [];
    await commands.rpush(`${prefix}:shop:{bank}:charges`, 'a stranger', 'a stranger');
    expect(await demo.exited).toBe(1);
    expect(demo.output).toContain('NOT AS EXPECTED: a card was charged twice');
    expect(demo.output).toContain('The books do not balance');
    expect(demo.output).toMatch(/1 orders are paid more than once:\s+a stranger/);
    await expectNoKeyLeft();
  });

  test('removes its keys even if the user does not wait for a service that hangs', async () => {
    demo = new DemoProcess(directory, [], environment);
    await demo.shows('3. ');
    const [, , inventory = 0] = demo.servicePids;
    process.kill(inventory, 'SIGSTOP');
    await eventually(() => {
      demo.signalGroup('SIGINT');
      expect(demo.hasExited).toBe(true);
    });
    expect(await demo.exited).toBe(130);
    await expectNoKeyLeft();
  });

  test('shows a page, and ends with status 1 and no key left if the process that serves it dies', async () => {
    demo = new DemoProcess(directory, ['--page'], environment);
    await demo.shows('Ctrl-C stops everything');
    expect(demo.output).toContain(`redis://127.0.0.1:${redis.port}/3, the one in REDIS_URL`);
    expect(demo.output).not.toContain(password);
    const [, address = ''] = /Open (\S+)/.exec(demo.output) ?? [];
    const [, pid = ''] = /"pid":(\d+),"servesPage":true/.exec(await firstFigures(address)) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    expect(await demo.exited).toBe(1);
    expect(demo.output).toContain('order-service is gone: it ended by SIGKILL');
    await expectNoKeyLeft();
  });

  test('says so if nothing responds there, and starts nothing', async () => {
    demo = new DemoProcess(directory, [], {
      REDIS_URL: `redis://127.0.0.1:${await findFreePort()}`,
    });
    expect(await demo.exited).toBe(1);
    expect(demo.output).toMatch(/REDIS_URL is set, but no Redis responds there: .*ECONNREFUSED/);
    await expectNothingLeft();
  });
});

test('the demo says what is wrong with its arguments, and starts nothing', async () => {
  demo = new DemoProcess(directory, ['--orders', 'many']);
  expect(await demo.exited).toBe(2);
  expect(demo.output).toContain('--orders must be a whole number from 1 to 100000, got "many"');
});

/** What the page at this address gets until it knows the processes. */
async function firstFigures(address: string): Promise<string> {
  const response = await fetch(`${address}/live`);
  const decoder = new TextDecoder();
  let text = '';
  // Its types do not say that a body consists of bytes.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes('"processes"') && text.endsWith('\n\n')) break;
  }
  return text;
}

/** What two runs have in common. Lines are wrapped differently if figures have other lengths. */
function withoutFigures(story: string): string {
  return story
    .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, 'ID')
    .replaceAll(/, \d+ posted again because there was no answer/g, '')
    .replaceAll(/\d+(\.\d+)?/g, 'N')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
