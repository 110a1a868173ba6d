import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { COMMANDS } from '../../libs/redis-queue-transport/src/cli/commands.js';
import { eventually } from '../support/eventually.js';
import { TlsRedis } from '../support/tls-redis.js';
import { bin, runCli } from './cli-process.js';
import { cliRig } from './cli-rig.js';
import { inTerminal } from './terminal-run.js';

jest.setTimeout(120_000);

const { rig, run, json, start } = cliRig();

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'command-line-'));
});

afterAll(() => rm(directory, { recursive: true }));

describe('help', () => {
  test('lists all commands, even without arguments', async () => {
    const { code, out } = await runCli(['--help']);
    expect(code).toBe(0);
    for (const { name } of COMMANDS) expect(out).toContain(`\n  ${name} `);
    expect(await runCli([])).toMatchObject({ code: 0, out });
    expect(await runCli(['help'])).toMatchObject({ code: 0, out });
    expect((await runCli(['dead', '--help'])).out).toContain('dead redrive');
  });

  test.each(COMMANDS.map((command) => [command.name, command] as const))(
    'explains "%s" with its arguments, options and examples',
    async (name, { about, args, options, examples }) => {
      const { code, out, err } = await runCli([...name.split(' '), '--help']);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toContain(`redis-queue ${name}: ${about}`);
      for (const arg of args) expect(out).toContain(`\n  ${arg.name} `);
      for (const option of Object.keys(options)) expect(out).toContain(`--${option}`);
      for (const example of examples) expect(out).toContain(`  redis-queue ${example}\n`);
      expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
    },
  );

  test('prints the version', async () => {
    expect((await runCli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('starts without loading the library', async () => {
    const { out } = await runCli(['--help'], { environment: { NODE_DEBUG: 'module,esm' } });
    expect(out).not.toContain('@nestjs');
  });
});

test.each([
  [['qeues'], 'There is no command "qeues"', 'Did you mean "queues"?'],
  [['daed', 'list'], 'There is no command "daed"', 'Did you mean "dead"?'],
  [['dead'], '"dead" needs one more word: dead list, dead show', ''],
  [['dead', 'lsit'], 'There is no command "dead lsit"', 'Did you mean "dead list"?'],
  [['nonsense-word'], 'There is no command', 'See redis-queue --help'],
  [['queues', '--wacth'], '"queues" has no option --wacth', 'Did you mean --watch?'],
  [['--jsno'], 'redis-queue has no option --jsno', 'Did you mean --json?'],
  [['--json'], 'Name a command', ''],
  [['queues', '--watch=yes'], '--watch takes no value', ''],
  [['peek', 'a', '--limit'], '--limit needs a value: --limit N', ''],
  [['peek', 'a', '--limit', '--json'], '--limit needs a value', ''],
  [['peek', 'a', '--limit', '0'], '--limit must be a whole number from 1 on, got "0"', ''],
  [['peek', 'a', '--limit', '1', '--limit', '2'], '--limit was given twice', ''],
  [['peek'], '"peek" needs QUEUE', 'redis-queue peek --help'],
  [['peek', ''], 'QUEUE is empty', ''],
  [['peek', 'a', 'b'], '"peek" takes only QUEUE, got "b" too', ''],
])('%j is a wrong command line, and the message helps', async (words, what, hint) => {
  const { code, out, err } = await runCli(words, { url: 'redis://127.0.0.1:1' });
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(what);
  expect(err).toContain(hint);
  expect(err).not.toContain('    at ');
});

describe('where Redis is', () => {
  test('comes from --url, then --config, then REDIS_URL, then redis-queue.json', async () => {
    const nowhere = 'redis://127.0.0.1:1';
    const config = join(directory, 'redis-queue.json');
    await writeFile(config, JSON.stringify({ url: rig.redis.url, prefix: rig.prefix }));
    await rig.client().enqueue('work', 1);
    const words = ['queues', '--every', '0s', '--json'];
    const found = { queues: [expect.objectContaining({ queue: 'work' })], unreadable: [] };

    const byFile = await runCli(words, { directory });
    expect(byFile.json).toEqual(found);
    const byUrl = await runCli([...words, '--url', rig.redis.url, '--prefix', rig.prefix], {
      url: nowhere,
    });
    expect(byUrl.json).toEqual(found);
    expect((await runCli([...words, '--config', config], { url: nowhere })).json).toEqual(found);
    expect((await runCli(words, { url: nowhere, directory })).code).toBe(3);
  });

  test('may be behind TLS, with files that the config file names', async () => {
    const redis = await TlsRedis.start();
    const words = ['queues', '--every', '0s', '--json'];
    try {
      await writeFile(join(directory, 'ca.pem'), redis.certificate.certificate);
      const config = join(directory, 'tls.json');
      await writeFile(
        config,
        JSON.stringify({ url: redis.url('rediss'), tls: { caFile: 'ca.pem' } }),
      );
      const found = await runCli([...words, '--config', config]);
      expect({ ...found }).toEqual({ code: 0, out: '{"queues":[],"unreadable":[]}\n', err: '' });
      const untrusted = await runCli(words, { url: redis.url('rediss') });
      expect(untrusted).toMatchObject({ code: 3, out: '' });
      expect(untrusted.err).toMatch(/certificate/);
    } finally {
      await redis.stop();
    }
  });

  test('may be at an IPv6 address with options of TLS', async () => {
    const config = join(directory, 'ipv6.json');
    await writeFile(config, JSON.stringify({ url: 'rediss://[::1]:1', tls: {} }));
    const { code, err } = await runCli(['queues', '--config', config]);
    expect(code).toBe(3);
    // With its brackets, it would be looked up as a name.
    expect(err).not.toContain('ENOTFOUND');
  });

  test.each([
    ['{"url":"redis://u:topsecret@127.0.0.1:1"', 'is not JSON'],
    ['[]', 'must be a JSON object'],
    ['{"ulr":"redis://u:topsecret@127.0.0.1:1"}', 'unknown member "ulr"'],
    ['{"url":"redis://u:topsecret@127.0.0.1:1","connection":{}}', 'both url and connection'],
    ['{"url":"http://u:topsecret@127.0.0.1:1"}', 'redis://'],
    ['{"connection":{"hots":"x","password":"topsecret"}}', 'hots'],
    ['{"url":"rediss://127.0.0.1:1","tls":{"caFile":"nowhere.pem"}}', 'tls.caFile'],
    ['{"url":"rediss://u:100%topsecret@127.0.0.1:1","tls":{}}', 'percent sign as %25'],
  ])('%s is refused', async (text, why) => {
    const config = join(directory, 'odd.json');
    await writeFile(config, text);
    const { code, out, err } = await runCli(['queues', '--config', config]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(why);
    expect(err).not.toContain('topsecret');
  });
});

describe('a password is never shown', () => {
  const SECRET = 'top%2Fsecret';
  const PLAIN = 'top/secret';

  async function expectHidden(words: string[], code: number, url: string): Promise<void> {
    const result = await runCli([...words, '--url', url]);
    expect(result.code).toBe(code);
    for (const text of [result.out, result.err]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(PLAIN);
    }
    expect(result.err).not.toBe('');
  }

  test('while Redis is away, if it refuses it, or if the address is wrong', async () => {
    const { port } = rig.redis;
    await expectHidden(['queues'], 3, `redis://ada:${SECRET}@127.0.0.1:1`);
    await expectHidden(['queues'], 4, `redis://ada:${SECRET}@127.0.0.1:${port}`);
    await expectHidden(['queues', '--json'], 2, `redsi://ada:${SECRET}@127.0.0.1:${port}`);
    await expectHidden(['queues', '--json'], 2, `redis://ada:${SECRET}@127.0.0.1:9999999`);
    await expectHidden(['enqueue', 'a', '1'], 3, `redis://ada:${SECRET}@127.0.0.1:1`);
    await expectHidden(['queues', '--url', `-redis://ada:${SECRET}@127.0.0.1`], 2, rig.redis.url);
    await expectHidden(['queues', `redis://ada:a/${SECRET}@127.0.0.1`], 2, rig.redis.url);
    await expectHidden(['tail', 'a'], 4, `redis://ada:${SECRET}@127.0.0.1:${port}`);
  });

  test('in the list of processes', async () => {
    const url = `redis://ada:${SECRET}@127.0.0.1:${rig.redis.port}`;
    await rig.commands.call('ACL', 'SETUSER', 'ada', 'on', `>${PLAIN}`, '~*', '&*', '+@all');
    const tailing = start(['tail', 'a', '--url', url]);
    await tailing.printed('Listening');
    expect(await readFile(`/proc/${tailing.child.pid}/cmdline`, 'utf8')).not.toContain('secret');
    tailing.interrupt();
    expect((await tailing.result()).code).toBe(0);
    await rig.commands.call('ACL', 'DELUSER', 'ada');
  });
});

test('a missing permission ends with 4, and is named', async () => {
  await rig.commands.call(
    'ACL',
    'SETUSER',
    'poor',
    'on',
    '>x',
    `~${rig.prefix}:*`,
    '+@connection',
    '+info',
  );
  const url = `redis://poor:x@127.0.0.1:${rig.redis.port}`;
  const { code, err } = await runCli(['queues', '--url', url, '--prefix', rig.prefix]);
  expect(code).toBe(4);
  expect(err).toContain("'hscan'");
  await rig.commands.call('ACL', 'DELUSER', 'poor');
});

describe('data from Redis', () => {
  const DEEP = '['.repeat(20_000) + ']'.repeat(20_000);
  const EVIL = 'a\u001b]0;owned\u0007\u009b31m\u202eb\r\nc';

  test('cannot control a terminal, neither as names nor as payloads', async () => {
    await rig.commands.hset(`${rig.prefix}:queues`, EVIL, 'pushed');
    await rig.commands.rpush(
      `${rig.prefix}:{${EVIL}}:waiting`,
      `{"rq":1,"id":${JSON.stringify(EVIL)}}\n${JSON.stringify(EVIL)}`,
      '\u001b[2J not json',
    );
    await rig.commands.xadd(`${rig.prefix}:{${EVIL}}:dead`, '*', 'element', `${EVIL}\u001b[31m`);
    const { letters } = (await start(['dead', 'list', EVIL, '--json']).result()).json as {
      letters: { entry: string }[];
    };
    for (const words of [
      ['queues', '--every', '0s'],
      ['peek', EVIL],
      ['dead', 'list', EVIL],
      ['dead', 'show', EVIL, letters[0]!.entry],
      ['dead', 'show', EVIL, '1-1'],
      ['delayed', 'list', EVIL],
      ['pause', EVIL],
      ['resume', EVIL],
      ['enqueue', 'nobody', '1', '--id', EVIL],
      ['groups', EVIL],
    ])
      for (const json of [[], ['--json']]) {
        const { out, err } = await run(...words, ...json);
        // eslint-disable-next-line no-control-regex -- that none is there
        expect(out + err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      }
  });

  test('may be nested to any depth', async () => {
    const key = `${rig.prefix}:{deep}`;
    await rig.commands.rpush(`${key}:waiting`, `{"rq":1,"id":"a"}\n${DEEP}`, '{"b":1}');
    await rig.commands.xadd(`${key}:dead`, '*', 'element', `{"rq":1,"id":"c"}\n${DEEP}`);
    expect((await run('peek', 'deep')).out).toMatch(/\[\[\[.*\n.*"b":1/);
    const [letter] = ((await json('dead', 'list', 'deep')) as { letters: { entry: string }[] })
      .letters;
    for (const words of [
      ['dead', 'list', 'deep'],
      ['dead', 'show', 'deep', letter!.entry],
    ])
      expect(await run(...words)).toMatchObject({ code: 0, out: expect.stringContaining('[') });
  });

  test('that is nested too deeply does not end a tail', async () => {
    const tailing = start(['tail', 'deep', '--count', '2']);
    await tailing.printed('Listening');
    for (const element of [`{"rq":1,"id":"a"}\n${DEEP}`, '{"rq":1,"id":"b"}\n"second"'])
      await rig.commands.publish(`${rig.prefix}:event:deep`, element);
    expect(await tailing.result()).toMatchObject({
      code: 0,
      out: expect.stringContaining('"second"'),
    });
  });
});

describe('on a terminal', () => {
  test('there are colours, unless NO_COLOR is set', async () => {
    await rig.client().enqueue('work', 1);
    const words = [bin(), 'queues', '--every', '0s', '--prefix', rig.prefix];
    const colored = await inTerminal(words, { REDIS_URL: rig.redis.url });
    expect(colored.output).toContain('\u001b[1mQUEUE');
    const plain = await inTerminal(words, { REDIS_URL: rig.redis.url, NO_COLOR: '1' });
    expect(plain.output).toContain('QUEUE');
    expect(plain.output).not.toContain('\u001b[');
  });

  test('a purge asks, and only a yes removes', async () => {
    await rig.client().enqueue('work', 1);
    const words = [bin(), 'purge', 'work', '--prefix', rig.prefix];
    const no = await inTerminal(words, { REDIS_URL: rig.redis.url }, ['[y/N]', 'n\n']);
    expect(no).toMatchObject({ code: 1 });
    expect(no.output).toContain('Remove 1 message of "work" for good?');
    expect(await rig.queue('work').waiting()).toHaveLength(1);
    const yes = await inTerminal(words, { REDIS_URL: rig.redis.url }, ['[y/N]', 'y\n']);
    expect(yes).toMatchObject({ code: 0 });
    expect(await rig.queue('work').waiting()).toEqual([]);
  });

  test('a bar shows how far a file is', async () => {
    const file = join(directory, 'many.jsonl');
    await writeFile(file, '1\n'.repeat(3_000));
    const words = [bin(), 'enqueue', 'many', '--file', file, '--prefix', rig.prefix];
    const { output, code } = await inTerminal(words, { REDIS_URL: rig.redis.url });
    expect(code).toBe(0);
    expect(output).toMatch(/\[#+\.*\] \d+ % {2}\d+ messages {2}\d+\/s/);
    expect(output).toContain('3000 of 3000 sent');
  });
});

test('it ends in order when it is interrupted, or when nobody reads on', async () => {
  const tailing = start(['tail', 'a', '--json']);
  await untilConnected(/ name=rq-tail-.* sub=1 /);
  tailing.child.stdout?.destroy();
  await rig.client().emit('a', 1);
  expect((await tailing.result()).code).toBe(0);

  await rig.client().enqueue('work', 1);
  const looking = start(['queues', '--every', '1h']);
  await untilConnected(/ name=rq-admin-/);
  looking.interrupt();
  expect(await looking.result()).toMatchObject({ code: 130, out: '', err: '' });
});

async function untilConnected(how: RegExp): Promise<void> {
  await eventually(async () => {
    expect(String(await rig.commands.client('LIST'))).toMatch(how);
  }, 30_000);
}
