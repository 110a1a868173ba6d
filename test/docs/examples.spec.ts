import { describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import type { ExampleProcess } from './example-process.js';
import { exampleRig } from './example-rig.js';

const rig = exampleRig();

async function started(example: string, sign: string): Promise<ExampleProcess> {
  const server = rig.start(example, { PORT: '0' });
  await eventually(() => expect(server.output).toContain(sign));
  return server;
}

describe('the examples of the README', () => {
  test('a client reaches a server with all three verbs, and both end by themselves or by SIGTERM', async () => {
    const server = await started('readme/server', 'successfully started');

    const client = rig.start('readme/client');

    expect(await client.exited).toBe(0);
    expect(client.ownLines).toEqual([
      expect.stringMatching(/^held as \S+$/),
      'sent to ada@example.com',
    ]);
    await eventually(() =>
      expect(server.ownLines.toSorted()).toEqual([
        'mail to ada@example.com: Good morning',
        'mail to ada@example.com: Good morning',
        'welcome, Ada',
      ]),
    );
    expect(await server.stop()).toBe('SIGTERM');
    expect(await keysOfQueues()).toEqual([]);
  });

  test('a server handles batches, and a list that others fill', async () => {
    const server = rig.start('readme/batches');
    const stored = 'lines stored with one insert';

    await eventually(() => {
      const counts = server.ownLines.flatMap(
        (line) => / *(\d+) lines stored/.exec(line)?.[1] ?? [],
      );
      expect(counts.reduce((sum, count) => sum + Number(count), 0)).toBe(249);
    });
    await rig.commands.lpush('nightly-scripts', 'backup finished');
    await eventually(() => expect(server.ownLines).toContain('a script said backup finished'));

    expect(server.ownLines).toContain('250 lines are held');
    expect(server.ownLines).toContain(`99 ${stored}`);
    expect(await server.stop()).toBe('SIGTERM');
    expect(await rig.commands.xlen('rq:{log.line}:dead')).toBe(1);
  });

  test('an app that is HTTP and transport at once handles what it enqueued', async () => {
    const app = await started('readme/hybrid', 'listening on');
    const [, url] = /listening on (\S+)/.exec(app.output) ?? [];

    const answer = await fetch(`${url}/reports`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ year: 2026 }),
    });

    expect(await answer.text()).toBe('accepted');
    await eventually(() =>
      expect(app.ownLines).toEqual([
        expect.stringContaining('listening on'),
        'report-2026, attempt 1, for acme',
        'report 2026 is made',
      ]),
    );
    expect(await app.stop()).toBe('SIGTERM');
    // The id that is accepted once a minute, as the example says.
    expect(await keysOfQueues()).toEqual(['rq:{report.make}:ids']);
  });

  test('a controller asks the server of its own app for its health', async () => {
    const app = await started('readme/module-server', 'ready at');
    const [, url = ''] = /ready at (\S+)/.exec(app.output) ?? [];

    expect(await (await fetch(url)).text()).toBe('up');

    expect(await app.stop()).toBe('SIGTERM');
  });

  test('an observer prints how long handlers run', async () => {
    const server = await started('readme/observers', 'successfully started');

    await rig.commands.rpush('rq:{mail.send}:waiting', '{"to":"ada@example.com"}');

    await eventually(() =>
      expect(server.ownLines).toEqual([
        expect.stringMatching(/^mail\.send: attempt 1: ack after \d+\.\d ms$/),
      ]),
    );
    expect(await server.stop()).toBe('SIGTERM');
  });

  test('dead letters are listed and sent again', async () => {
    const server = await started('readme/server', 'successfully started');
    await push('mail.send', '{"to":"nobody"}');
    await eventually(() => expect(server.output).toContain('not an address'));
    await server.stop();

    const app = rig.start('readme/dead-letters');

    expect(await app.exited).toBe(0);
    expect(app.ownLines).toEqual([
      '0 waiting, 0 held, 0 delayed, 1 dead',
      expect.stringMatching(/^[\d-]+: message without id: rejected: "nobody" is not an address$/),
      '1 sent again',
    ]);
    expect(await rig.commands.lrange('rq:{mail.send}:waiting', 0, -1)).toEqual(['{"to":"nobody"}']);
  });

  test('bytes and dates arrive as they are', async () => {
    const app = rig.start('readme/encodings');

    expect(await app.exited).toBe(0);
    expect(app.ownLines).toEqual([
      '{ stored: 1970-01-01T00:00:00.000Z, pixels: <Buffer ff d8 ff> }',
      '{ bytes: 3 }',
    ]);
  });

  test('a group that has started once gets its events, even while no replica is up', async () => {
    const first = await started('readme/billing', 'successfully started');
    const order = rig.start('readme/order');
    expect(await order.exited).toBe(0);
    expect(order.ownLines).toEqual(['copies held: 1']);
    await eventually(() => expect(first.ownLines).toEqual(['bill for order 7']));
    expect(await first.stop()).toBe('SIGTERM');

    const meanwhile = rig.start('readme/order');
    expect(await meanwhile.exited).toBe(0);
    expect(meanwhile.ownLines).toEqual(['copies held: 1']);

    const second = rig.start('readme/billing');
    await eventually(() => expect(second.ownLines).toEqual(['bill for order 7']));
    expect(await second.stop()).toBe('SIGTERM');
  });

  test('a durable event waits for its group, a new group begins in the history, and a replay repeats it', async () => {
    const app = await started('readme/events', 'once more');

    await eventually(() => {
      const [emitted, ...rest] = app.ownLines;
      expect(emitted).toBe('held for 1 groups, heard by 0 replicas');
      expect(rest.toSorted()).toEqual([
        'bill for order 7',
        'counted order 7',
        'counted order 7',
        'gave statistics 1 orders once more',
        'saw order.paid 7',
      ]);
    });
    expect(await app.stop()).toBe('SIGTERM');
    expect(await keysOfQueues()).toEqual(
      expect.arrayContaining([
        'rq:{order.placed}:emitted',
        'rq:{order.placed}:history',
        'rq:{order.placed}:history:count',
      ]),
    );
  });

  test('the module provides clients by class and by token', async () => {
    const app = rig.start('readme/modules');

    expect(await app.exited).toBe(0);
    expect(app.ownLines).toEqual(['true', 'true', 'true']);
  });
});

/** As any program may do it. */
async function push(queue: string, element: string): Promise<void> {
  await rig.commands.rpush(`rq:{${queue}}:waiting`, element);
}

/** The keys of queues that are still in Redis, except `terms`: the options of the last server stay known. */
async function keysOfQueues(): Promise<string[]> {
  return (await rig.commands.keys('rq:{*')).filter((key) => !key.endsWith('}:terms'));
}
