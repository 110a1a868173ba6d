import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startRedis, type LocalRedis } from 'local-redis';
import { eventually } from '../support/eventually.js';
import { consoleCommands, masked, Substitutions } from './console-session.js';
import { ExampleProcess } from './example-process.js';
import { codeBlocks, documents, readText, type CodeBlock } from './markdown.js';

let redis: LocalRedis;
let server: ExampleProcess | undefined;

beforeEach(async () => {
  redis = await startRedis();
});

afterEach(async () => {
  await server?.stop('SIGKILL');
  await redis.stop();
});

/** What the words of a `session` comment do before the commands of its block. */
const steps: Readonly<Record<string, () => Promise<void>>> = {
  continues: () => Promise.resolve(),
  'server starts': async () => {
    const started = new ExampleProcess('readme/server', { REDIS_URL: redis.url });
    server = started;
    await eventually(() => expect(started.output).toContain('successfully started'));
  },
  'server stops': async () => {
    await server?.stop();
  },
  'client runs': async () => {
    const client = new ExampleProcess('readme/client', { REDIS_URL: redis.url });
    expect([await client.exited, client.output]).toEqual([0, expect.stringContaining('sent to')]);
  },
};

/** Commands that may be repeated until the server has done its part. */
const READS = /^redis-cli (--raw )?(LLEN|LRANGE|HGETALL|ZRANGE|XRANGE|XLEN|EXISTS|PUBSUB) /;

async function printed(command: string): Promise<string> {
  const format = command.startsWith('redis-cli --raw ') ? '' : '--no-raw';
  const line = command.replace(/^redis-cli/, `redis-cli -p ${redis.port} ${format}`);
  const { stdout } = await promisify(execFile)('sh', ['-c', line]);
  return stdout.trimEnd();
}

/** The blocks of a page follow each other. The recipes have a test of their own. */
async function sessionOf(path: string): Promise<CodeBlock[]> {
  if (path.startsWith('docs/recipes/')) return [];
  return codeBlocks(await readText(path)).filter(({ language }) => language === 'console');
}

const sessions = await Promise.all(
  (await documents()).map(async (path) => ({ path, blocks: await sessionOf(path) })),
);

test.each(sessions.filter(({ blocks }) => blocks.length > 0))(
  'every redis-cli command of $path prints what the page says',
  async ({ path, blocks }) => {
    const substitutions = new Substitutions();
    for (const block of blocks) {
      const session = /^session: (.*)$/.exec(block.note ?? '')?.[1];
      for (const step of session?.split(', ') ?? [`no session in line ${block.line}`]) {
        const run = steps[step];
        if (run === undefined) throw new Error(`${path}:${block.line}: "${step}" is no step.`);
        await run();
      }
      for (const { command, output } of consoleCommands(block.text)) {
        const actual = substitutions.apply(command);
        let answer = '';
        const check = async (): Promise<void> => {
          answer = await printed(actual);
          expect(`$ ${command}\n${masked(answer)}`).toBe(`$ ${command}\n${masked(output)}`);
        };
        await (READS.test(command) ? eventually(check) : check());
        substitutions.learn(output, answer);
      }
    }
  },
);
