import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { RpcException } from '@nestjs/microservices';
import { from } from 'rxjs';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { cliRig } from './cli-rig.js';

jest.setTimeout(120_000);

const { rig, run, json, start } = cliRig();

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'command-line-'));
});

afterAll(() => rm(directory, { recursive: true }));

async function fileOf(...lines: string[]): Promise<string> {
  const file = join(directory, 'lines.jsonl');
  await writeFile(file, lines.map((line) => `${line}\n`).join(''));
  return file;
}

test('a message is enqueued with its settings', async () => {
  const words = ['enqueue', 'mail', '{"to":"ada"}', '--id', 'm-1', '--deduplicate', '1h'];
  const sent = await run(...words, '-H', 'tenant=acme', '--expires-in', '2h', '--json');
  expect(sent).toMatchObject({ code: 0 });
  expect(sent.json).toEqual({ id: 'm-1', isDuplicate: false });
  expect(sent.err).toContain('No server has ever served');
  const [element = ''] = await rig.queue('mail').waiting();
  expect(JSON.parse(element.split('\n')[0]!)).toMatchObject({ headers: { tenant: 'acme' } });
  expect((await run(...words)).out).toBe('m-1: was there already\n');
  expect(await json('enqueue', 'mail', '1', '--delay', '10m')).toMatchObject({
    isDuplicate: false,
  });
  expect(await json('delayed', 'list', 'mail')).toMatchObject({ messages: [{ data: 1 }] });
  expect(await json('enqueue', 'notes', 'plain words', '--text')).toMatchObject({});
  expect(await json('peek', 'notes')).toMatchObject({ messages: [{ data: 'plain words' }] });
});

test.each([
  [['enqueue', 'mail', '{to:1}'], 'DATA is not JSON: {to:1}'],
  [['enqueue', 'mail', 'null'], 'DATA is null'],
  [['enqueue', 'mail'], 'Give DATA'],
  [['enqueue', 'mail', '1', '--delay', '10'], '--delay must be a time with its unit'],
  [['enqueue', 'mail', '1', '--deduplicate', '1h'], 'deduplicateMs needs an id'],
  [['enqueue', 'mail', '1', '--header', 'tenant'], '--header must be NAME=VALUE'],
  [['enqueue', 'order.*', '1'], 'wildcard'],
  [['emit', 'mail', '1', '--file', '-'], 'Give DATA or --file'],
  [['emit', '--file', '/nowhere', 'mail'], 'Cannot read /nowhere: ENOENT'],
])('%j is refused before anything is sent', async (words, why) => {
  const { code, out, err } = await run(...words);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(why);
  expect(await rig.queue('mail').waiting()).toEqual([]);
});

test('an event is emitted, and with --mandatory somebody has to get it', async () => {
  const heard = await run('emit', 'order.placed', '{"id":7}');
  expect(heard.out).toMatch(/: 0 groups, 0 live listeners\n$/);
  const unheard = await run('emit', 'order.placed', '1', '--mandatory');
  expect(unheard).toMatchObject({ code: 6, out: '' });
  expect(unheard.err).toContain('Nobody listens');
});

test('a request prints its replies', async () => {
  const sum = controllerOf('sum', (data) => from([(data as number[]).length, { done: true }]));
  await rig.serve({ controllers: [sum] });
  expect((await run('send', 'sum', '[1,2]')).out).toBe('2\n{\n  "done": true\n}\n');
  const two = await run('send', 'sum', '[1,2,3]', '--json');
  expect(two.lines).toEqual([{ reply: 3 }, { reply: { done: true } }]);
  const nobody = await run('send', 'nobody', '1');
  expect(nobody).toMatchObject({ code: 6, out: '' });
  expect(nobody.err).toContain('No server has ever served the pattern "nobody"');
});

test('a request whose handler fails ends like one that nobody handles', async () => {
  const failing = controllerOf('failing', (data) => {
    throw data === 1 ? new Error('kept here') : new RpcException('two is not welcome');
  });
  await rig.serve({ controllers: [failing] });
  const untold = await run('send', 'failing', '1');
  expect(untold).toMatchObject({ code: 6, out: '' });
  expect(untold.err).toContain('error: Internal server error');
  const told = await run('send', 'failing', '2');
  expect(told).toMatchObject({ code: 6, out: '' });
  expect(told.err).toContain('error: two is not welcome');
});

test('the requests of a file print a line for each reply, and for each failure', async () => {
  const picky = controllerOf('picky', (data) => {
    if (data === 2) throw new RpcException('two is \u001b[31mnot\u001b[0m welcome');
    return `got ${String(data)}`;
  });
  await rig.serve({ controllers: [picky] });
  const { code, lines, out, err } = await run(
    'send',
    'picky',
    '--file',
    await fileOf('1', '2', '3'),
  );
  expect(code).toBe(6);
  const byLine = (lines as { line: number }[]).toSorted((a, b) => a.line - b.line);
  expect(byLine).toEqual([
    { line: 1, reply: 'got 1' },
    { line: 2, error: 'two is \u001b[31mnot\u001b[0m welcome' },
    { line: 3, reply: 'got 3' },
  ]);
  expect(out).not.toContain('\u001b');
  expect(err).toContain('2 of 3 got their replies');
});

test('many requests of a file wait side by side', async () => {
  await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });
  const numbers = Array.from({ length: 200 }, (_, index) => index);
  const { code, lines, err } = await run(
    'send',
    'echo',
    '--file',
    await fileOf(...numbers.map(String)),
  );
  expect({ code, err }).toEqual({ code: 0, err: '200 of 200 got their replies\n' });
  const replies = (lines as { reply: number }[]).map(({ reply }) => reply);
  expect(replies.toSorted((a, b) => a - b)).toEqual(numbers);
});

test('all lines of a file are sent in order', async () => {
  const lines = Array.from({ length: 1_200 }, (_, index) => `{"n":${index}}`);
  const { code, out } = await run('enqueue', 'many', '--file', await fileOf(...lines));
  expect({ code, out }).toEqual({ code: 0, out: '1200 of 1200 sent\n' });
  const waiting = await rig.queue('many').waiting();
  expect(waiting.map((element) => element.split('\n')[1])).toEqual(lines);
});

test('lines may have settings of their own', async () => {
  const file = await fileOf(
    '{"data":1,"id":"a","headers":{"who":"a"}}',
    '',
    '{"data":2,"id":"b","delayMs":60000}',
  );
  const words = ['enqueue', 'work', '--file', file, '--records', '-H', 'all=yes'];
  expect(await json(...words)).toEqual({ sent: 2, failed: 0, total: 2 });
  expect(await json('peek', 'work')).toMatchObject({
    messages: [{ id: 'a', headers: { who: 'a', all: 'yes' } }],
  });
  expect(await json('delayed', 'list', 'work')).toMatchObject({ messages: [{ id: 'b' }] });
  const odd = await run(
    'enqueue',
    'work',
    '--records',
    '--file',
    await fileOf('{"data":1,"dleay":1}'),
  );
  expect(odd).toMatchObject({ code: 2 });
  expect(odd.err).toContain('dleay');
});

test('a file with a wrong line is refused as a whole', async () => {
  const lines = Array.from({ length: 700 }, () => '1');
  const { code, out, err } = await run(
    'enqueue',
    'work',
    '--file',
    await fileOf(...lines, '{half'),
  );
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain('Line 701 is not JSON: {half');
  expect(await rig.queue('work').waiting()).toEqual([]);
});

test('standard input is sent as it comes, up to the first wrong line', async () => {
  const reading = start(['enqueue', 'work', '--file', '-', '--json'], { input: '1\n2\n' });
  expect((await reading.result()).json).toEqual({ sent: 2, failed: 0, total: null });
  const wrong = await start(['emit', 'work', '--file', '-'], { input: '1\nx\n' }).result();
  expect(wrong).toMatchObject({ code: 2, out: '0 sent\n' });
  expect(wrong.err).toContain('Line 2');
});

test('failures of a file are reported by line', async () => {
  const file = await fileOf('1', JSON.stringify('x'.repeat(17_000_000)), '3');
  const { code, err, out } = await run('enqueue', 'work', '--file', file);
  expect({ code, out }).toEqual({ code: 6, out: '2 of 3 sent, 1 failed\n' });
  expect(err).toMatch(/error: line 2: The body has \d+ bytes/);
  await eventually(async () => expect(await rig.queue('work').waiting()).toHaveLength(2));
});

test('an interruption ends it while standard input is silent', async () => {
  await rig.serve({ controllers: [controllerOf('echo', (data: unknown) => data)] });
  const input = '1\n';
  const asking = start(['send', 'echo', '--file', '-'], { input, isInputOpen: true });
  await asking.printed('"reply":1');
  asking.interrupt();
  expect(await asking.result()).toMatchObject({ code: 130 });
});
