import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { ShopRig } from '../support/shop-rig.js';

let rig: ShopRig;

beforeAll(async () => {
  rig = await ShopRig.open({ CUP: 3 });
  await rig.shop.start('order-service');
});
afterAll(() => rig.close());

function ask(path: string, init?: RequestInit): Promise<Response> {
  return fetch(`${rig.shop.address}${path}`, init);
}

test('order-service serves the page, its scripts and styles; only they run on it', async () => {
  for (const [path, type] of [
    ['/', 'text/html; charset=utf-8'],
    ['/page/page.css', 'text/css; charset=utf-8'],
    ['/page/main.js', 'text/javascript; charset=utf-8'],
    ['/page/icon.svg', 'image/svg+xml'],
  ] as const) {
    const response = await ask(path);
    expect([path, response.status]).toEqual([path, 200]);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain('unsafe');
  }
  expect(await (await ask('/')).text()).not.toMatch(/<script>|<style|\son\w+=|\sstyle=/);
});

test.each([
  '/page/../package.json',
  '/page/%2e%2e%2fpackage.json',
  '/page/tsconfig.json',
  '/page/main.ts',
  '/page/nothing.js',
])('%s is not there', async (path) => {
  expect((await ask(path)).status).toBe(404);
});

test('outside of the demo, nothing kills, starts or poisons', async () => {
  expect((await ask('/demo/poison', { method: 'POST' })).status).toBe(404);
  expect((await ask('/demo/processes/order-service', { method: 'POST' })).status).toBe(404);
  expect((await ask(`/demo/processes/${process.pid}`, { method: 'DELETE' })).status).toBe(404);
});

test('the stream tells of orders without any other service', async () => {
  const events = readEvents(await ask('/live'));
  const seen = new Map<string, unknown>();
  for await (const { type, data } of events) {
    seen.set(type, data);
    if (seen.has('snapshot') && seen.has('figures')) break;
  }
  expect(seen.get('snapshot')).toEqual({ orders: [] });
  // No `processes`: JSON has no undefined.
  expect(seen.get('figures')).toMatchObject({ placed: 0, stock: { items: [], isStale: true } });
  expect(seen.get('figures')).not.toHaveProperty('processes');
});

test('a dead letter that nobody could write as JSON does not hide the others', async () => {
  const queue = 'rq:{hostile}';
  const deep = '['.repeat(20_000) + ']'.repeat(20_000);
  await rig.commands.hset('rq:queues', 'hostile', 'pushed');
  for (const element of [`{"rq":1,"id":"a"}\n${deep}`, '{"rq":1,"id":"b"}\n{"readable":1}'])
    await rig.commands.xadd(`${queue}:dead`, '*', 'element', element);
  const events = readEvents(await ask('/live'));
  await untilFigures(events, {
    deadLetters: expect.arrayContaining([
      expect.objectContaining({ data: '{"readable":1}' }),
      expect.objectContaining({ data: 'nested too deeply' }),
    ]),
  });
  await events.return(undefined);
  await rig.commands.del(`${queue}:dead`);
});

test('a queue that cannot be looked at does not hide the others', async () => {
  await rig.commands.hset('rq:queues', 'bad', 'pushed', 'good', 'pushed');
  await rig.commands.set('rq:{bad}:dead', 'of another program');
  await rig.commands.rpush('rq:{good}:waiting', '{"plain":1}');
  const events = readEvents(await ask('/live'));
  await untilFigures(events, {
    queues: expect.arrayContaining([expect.objectContaining({ queue: 'good', waiting: 1 })]),
  });
  await events.return(undefined);
  await rig.commands.hdel('rq:queues', 'bad', 'good');
  await rig.commands.del('rq:{bad}:dead', 'rq:{good}:waiting');
});

test('a snapshot comes again when live events may have been missed', async () => {
  const events = readEvents(await ask('/live'));
  await untilEvent(events, 'snapshot');
  await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  expect(await untilEvent(events, 'snapshot')).toEqual({ orders: [] });
  await events.return(undefined);
});

test('the stream says so while Redis is away, and goes on when it is back', async () => {
  const events = readEvents(await ask('/live'));
  await untilEvent(events, 'figures');
  await rig.redis.kill();
  // Whatever was asked first has failed first.
  expect(await untilEvent(events, 'trouble')).toEqual({ message: expect.stringMatching(/\w/) });
  await rig.redis.restart();
  await untilEvent(events, 'figures');
  await events.return(undefined);
});

test('a stop ends open streams, and waits for no connection that a browser has opened in advance', async () => {
  const open = readEvents(await ask('/live'));
  await open.next();
  const unused = connect(Number(new URL(rig.shop.address).port), '127.0.0.1');
  const unusedEnds = once(unused, 'close');
  await once(unused, 'connect');
  // Rejects if only SIGKILL helps.
  await rig.shop.stop('order-service');
  await unusedEnds;
  let last: IteratorResult<unknown> = { done: false, value: undefined };
  while (last.done !== true) last = await open.next();
  expect(last.done).toBe(true);
});

type Events = AsyncGenerator<{ type: string; data: unknown }, undefined>;

/** Resolves with the data of the next event of this type. */
async function untilEvent(events: Events, type: string): Promise<unknown> {
  for (;;) {
    const { value } = await events.next();
    if (value === undefined) throw new Error(`the stream ended without ${type}`);
    if (value.type === type) return value.data;
  }
}

/** Resolves once figures match. The first ones may have been read before the test wrote into Redis. */
async function untilFigures(events: Events, expected: Record<string, unknown>): Promise<void> {
  await eventually(async () => expect(await untilEvent(events, 'figures')).toMatchObject(expected));
}

/** What a stream of server-sent events says. */
async function* readEvents(response: Response): Events {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const type = /^event: (.*)$/m.exec(event)?.[1];
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (type !== undefined && data !== undefined) yield { type, data: JSON.parse(data) };
    }
  }
  return undefined;
}
