import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findFreePort } from 'local-redis';
import { eventually } from '../support/eventually.js';
import { TlsRedis } from '../support/tls-redis.js';
import { exampleRig } from './example-rig.js';

const rig = exampleRig();

async function linesOf(guide: string): Promise<string[]> {
  const program = rig.start(`guides/${guide}`, { PORT: '0' });
  expect([await program.exited, program.output]).toEqual([0, expect.any(String)]);
  return program.ownLines;
}

test('the guide to validation: callers get the reasons, and enqueued messages are dead-lettered at once', async () => {
  const details = [
    "  message: [ 'to must be an email' ],",
    "  error: 'Bad Request',",
    '  statusCode: 400',
    '}',
  ];
  const lines = await linesOf('validation');
  expect(lines.filter((line) => !line.startsWith('BadRequestException'))).toEqual([
    'sent to ada@example.com',
    '{',
    ...details,
    "{ status: 'error', message: 'Forbidden resource' }",
    'notRetried 1 Bad Request Exception {',
    ...details,
  ]);
});

test('the guide to configuration: server and client get their options from providers', async () => {
  expect(await linesOf('configuration')).toEqual(['pong', 'up']);
});

test('the guide to saving first: what was saved and not sent is sent at the start', async () => {
  expect(await linesOf('save-first')).toEqual(['handled 1 and 2', 'unsent: 0']);
});

test('the guide to sending: the tenant of a message is passed on to what its handler sends', async () => {
  expect(await linesOf('headers')).toEqual([
    'order 1 for acme, sent by order-service',
    'order 2 for globex, sent by order-service',
  ]);
});

test('the guide to order by key: a retry holds up its own key alone', async () => {
  const lines = await linesOf('keys');
  const fromData = 'ada-3, key ada, from its data';
  expect(lines).toContain(fromData);
  expect(lines.filter((line) => line !== fromData)).toEqual([
    'bob-1, key bob',
    'ada-1, key ada',
    'ada-2, key ada',
  ]);
});

test('the guide to priorities: a password does not wait for a newsletter', async () => {
  expect(await linesOf('priorities')).toEqual([
    'to eve, priority 9',
    'to ada, priority 0',
    'to bob, priority 0',
  ]);
});

test('the guide to limits: what slowed its queue down is not lost, and each key has its pace', async () => {
  expect(await linesOf('limits')).toEqual(['3 reserved by 4 calls', 'reports at a pace: true']);
});

test('the guide to several servers: each serves its prefix', async () => {
  expect(await linesOf('several-servers')).toEqual([
    'order 1, attempt 1, up',
    'order 2, attempt 1',
  ]);
});

test('the guide to a dashboard: every queue is on the board', async () => {
  expect(await linesOf('dashboard')).toEqual(['mail.send: 1 waiting']);
});

test('the guide to security: a service shows its certificate to Redis', async () => {
  const redis = await TlsRedis.start('yes');
  const folder = await mkdtemp(join(tmpdir(), 'certificates-'));
  try {
    const { key, certificate } = redis.certificate;
    await writeFile(join(folder, 'authority.pem'), certificate);
    await writeFile(join(folder, 'service.pem'), certificate);
    await writeFile(join(folder, 'service-key.pem'), key);

    const program = rig.start('guides/tls', {
      REDIS_TLS_PORT: String(redis.port),
      CERTIFICATES: folder,
    });

    expect([await program.exited, program.output]).toEqual([0, expect.any(String)]);
    expect(program.ownLines).toEqual(['pong']);
  } finally {
    await redis.stop();
    await rm(folder, { recursive: true });
  }
});

test.each([
  ['without Terminus', 'guides/probes'],
  ['with Terminus', 'guides/terminus'],
])(
  'the guide to health, %s: ready once the server listens, always live, not ready without Redis',
  async (_, guide) => {
    const app = rig.start(guide, { PORT: '0' });
    await eventually(() => expect(app.output).toContain('ready at'));
    const [, ready = ''] = /ready at (\S+)/.exec(app.output) ?? [];
    const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;

    expect(await statusOf(ready)).toBe(200);
    await rig.commands.call('ACL', 'SETUSER', 'default', 'resetkeys');
    await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES');
    // With Terminus, after ten seconds.
    await eventually(async () => expect(await statusOf(ready)).toBe(503), 20_000);
    expect(await statusOf(ready.replace('ready', 'live'))).toBe(200);
    await rig.commands.call('ACL', 'SETUSER', 'default', 'allkeys');
    await eventually(async () => expect(await statusOf(ready)).toBe(200));
    expect(await app.stop()).toBe('SIGTERM');
  },
);

test('the guide to telemetry: one trace goes through the handlers of a message and of the event that it causes', async () => {
  const lines = await linesOf('traces');
  const [traces, names] = [0, 1].map((part) => lines.map((line) => line.split(/ (.*)/)[part]));
  expect(new Set(traces).size).toBe(1);
  expect(names?.toSorted()).toEqual([
    'ack order.place',
    'ack order.placed',
    'emit order.placed',
    'enqueue order.place',
    'process order.place',
    'process order.placed',
  ]);
});

test('the guide to telemetry: metrics of what was sent and handled, and of queues, at a port for Prometheus', async () => {
  const port = await findFreePort();
  const program = rig.start('guides/metrics', { PORT: String(port) });
  await eventually(() => expect(program.output).toContain('ready'));
  const scrape = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  await eventually(async () => {
    const text = await scrape();
    for (const name of ['messaging_process_duration_count', 'redis_queue_waiting'])
      expect(text).toMatch(new RegExp(`^${name}\\{.*"mail.send".*\\} [01]$`, 'm'));
  });
  expect(await program.stop()).toBe('SIGTERM');
});
