import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import { RedisQueueAdmin, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { pasteUsers } from '../docs/acl-users.js';
import { eventually } from '../support/eventually.js';
import { askSentinel, ReplicatedRedis, SENTINEL_NAME } from '../support/replicated-redis.js';
import { SteppedClock } from '../support/stepped-clock.js';
import { runCli } from './cli-process.js';
import type { CliResult } from './cli-process.js';

jest.setTimeout(120_000);

interface Found {
  readonly id: string;
  readonly level: 'wrong' | 'note';
  readonly what: string;
  readonly means: string;
  readonly todo: string;
  readonly queue?: string;
}

interface Report {
  readonly wrong: number;
  readonly roles: readonly string[];
  readonly user: string;
  readonly findings: readonly Found[];
  readonly well: readonly string[];
}

let open: { close(): unknown }[] = [];

function closeLater<T extends { close(): unknown }>(closable: T): T {
  open.push(closable);
  return closable;
}

async function redisWith(
  settings: Record<string, string>,
  environment?: Record<string, string>,
): Promise<{ redis: LocalRedis; operator: Redis }> {
  const redis = await startRedis({ settings, ...(environment && { environment }) });
  closeLater({ close: () => redis.stop() });
  const operator = new Redis(redis.url);
  closeLater({ close: () => operator.disconnect() });
  return { redis, operator };
}

beforeEach(() => {
  open = [];
});

afterEach(async () => {
  for (const each of open.reverse()) await each.close();
});

async function reportOf(url: string, ...words: string[]): Promise<CliResult & { report: Report }> {
  const result = await runCli(['doctor', '--json', ...words], { url });
  if (result.out === '') throw new Error(`It printed nothing: ${result.err}`);
  return Object.assign(result, { report: result.json as Report });
}

function wrongIn({ findings }: Report): string[] {
  return findings.filter(({ level }) => level === 'wrong').map(({ id }) => id);
}

const WELL = { appendonly: 'yes', maxmemory: '500mb' };

test('a Redis that is set up well, with users, passes', async () => {
  const { redis } = await redisWith(WELL);
  await pasteUsers(redis, 'shop', 'observer');
  const url = `redis://shop:secret@127.0.0.1:${redis.port}`;
  const client = closeLater(new RedisQueueClient({ connection: url }));
  const admin = closeLater(new RedisQueueAdmin({ connection: url }));
  await client.enqueue('work', 1);
  await admin.purge('work');

  const { code, report, err } = await reportOf(url);

  expect({ code, err, wrong: wrongIn(report) }).toEqual({ code: 0, err: '', wrong: [] });
  expect(report).toMatchObject({
    wrong: 0,
    roles: expect.arrayContaining(['consumer', 'producer']),
  });
  expect(report.well).toContain('permissions');
  const text = await runCli(['doctor'], { url });
  expect(text.out).toMatch(
    /^Redis \d+\.\d+\.\d+ at redis:\/\/127\.0\.0\.1:\d+\/0, prefix "rq", 1 queue\n/,
  );
  expect(text.out).toMatch(/\nNothing is wrong, with \d notes\.\n$/);
  expect(text.out).not.toContain('secret');
});

/** An address of this machine other than the loopback. */
function networkAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address;
}

describe('a Redis that is set up wrongly', () => {
  test('shows all its faults in one report', async () => {
    const clock = await SteppedClock.make();
    if (clock !== undefined) closeLater(clock);
    const address = networkAddress();
    const { redis, operator } = await redisWith(
      {
        bind: address === undefined ? '127.0.0.1' : `127.0.0.1 ${address}`,
        'protected-mode': 'no',
        'enable-protected-configs': 'local',
        // With allkeys-lru, the queues of this test would be evicted before the doctor looks at them.
        'maxmemory-policy': 'volatile-lru',
      },
      clock?.environment,
    );
    const client = closeLater(new RedisQueueClient({ connection: redis.url }));
    const admin = closeLater(new RedisQueueAdmin({ connection: redis.url }));
    // Queues and a group that nobody serves, and a paused queue.
    await client.enqueueMany('mail.send', [1, 2, 3]);
    await admin.declare('order.*', { groups: ['billing'] });
    await client.emit('order.placed', 1);
    await admin.pause('mail.send');
    // A consumer that died, one that no queue knows, and a suspect.
    await operator.zadd('rq:{report}:consumers', 1, 'vm-17-abc-1');
    await operator.rpush('rq:{report}:processing:vm-17-abc-1', '{}', '{}');
    await operator.rpush('rq:{report}:processing:vm-4-xyz-1', '{}');
    await operator.rpush('rq:{report}:suspects', '{}');
    await operator.hset('rq:queues', 'report', 'served', 'taken', 'pushed', '}odd', 'pushed');
    // A message that cannot be read, one in an unknown codec, and an old dead letter.
    await operator.rpush('rq:{report}:waiting', '{"half', '{"rq":1,"codec":"own"}\n1');
    await operator.xadd('rq:{report}:dead', '1000-0', 'element', '{"rq":1,"dead":{}}\n{"half');
    await operator.hset('rq:{report}:counts', 'deadLettersDropped', 7);
    // A key that another program uses.
    await operator.set('rq:{taken}:waiting', 'a text');
    // A snapshot that cannot be saved.
    const directory = await mkdtemp(join(tmpdir(), 'gone-'));
    await operator.config('SET', 'dir', directory);
    await rm(directory, { recursive: true });
    await operator.bgsave().catch(() => undefined);
    await eventually(async () =>
      expect(await operator.info('persistence')).toContain('rdb_last_bgsave_status:err'),
    );
    // Nearly no connection left, and no memory.
    const connected = Number(/connected_clients:(\d+)/.exec(await operator.info('clients'))?.[1]);
    await operator.config('SET', 'maxclients', String(connected + 2));
    const used = Number(/used_memory:(\d+)/.exec(await operator.info('memory'))?.[1]);
    await operator.config('SET', 'maxmemory', String(used));
    clock?.step(600_000);

    const url = `redis://${address ?? '127.0.0.1'}:${redis.port}`;
    const { code, report } = await reportOf(url);

    expect(code).toBe(1);
    const expected = [
      'eviction-policy',
      'memory-full',
      'not-persistent',
      'not-saved',
      'connections-full',
      ...(address === undefined ? [] : ['no-tls', 'no-password']),
      ...(clock === undefined ? [] : ['clock']),
      'queue-unserved',
      'group-unserved',
      'dead-consumers',
      'abandoned',
      'dead-letters-dropped',
      'old-dead-letters',
      'unreadable',
      'unreadable-dead',
      'foreign-key',
      'foreign-name',
    ];
    expect(wrongIn(report).toSorted()).toEqual(expect.arrayContaining(expected.toSorted()));
    const notes = report.findings.filter(({ level }) => level === 'note').map(({ id }) => id);
    expect(notes).toEqual(
      expect.arrayContaining(['no-replica', 'paused', 'suspects', 'unknown-codec']),
    );
    for (const { what, means, todo } of report.findings)
      for (const text of [what, means, todo]) expect(text.length).toBeGreaterThan(5);
    const { out, code: again } = await runCli(['doctor'], { url });
    expect(again).toBe(1);
    for (const { id } of report.findings) expect(out).toContain(`[${id}]`);
    if (process.env['SHOW_DOCTOR'] !== undefined) process.stdout.write(out);
  });

  test('is recognised as a replica, and as one whose replica is cut off', async () => {
    const { redis: primary, operator } = await redisWith(WELL);
    const { redis: replica, operator: replicas } = await redisWith(WELL);
    await replicas.replicaof('127.0.0.1', primary.port);
    await eventually(async () =>
      expect(await operator.info('replication')).toContain('state=online'),
    );

    expect(wrongIn((await reportOf(replica.url)).report)).toEqual(['replica']);
    expect(wrongIn((await reportOf(primary.url)).report)).toEqual([]);
  });

  test('shows what its user lacks, and for which role', async () => {
    const { redis, operator } = await redisWith(WELL);
    await pasteUsers(redis, 'consumer', 'observer');
    const asked = (user: string, ...words: string[]): ReturnType<typeof reportOf> =>
      reportOf(`redis://${user}:secret@127.0.0.1:${redis.port}`, ...words);

    const whole = await asked('consumer');
    expect(whole.report).toMatchObject({ wrong: 0, roles: ['consumer'] });
    expect((await asked('observer')).report).toMatchObject({ wrong: 0, roles: ['observer'] });
    const other = await asked('observer', '--role', 'consumer');
    expect(other.code).toBe(1);
    expect(other.report.findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: 'permissions', what: expect.stringContaining('+blmove') }),
      ]),
    );
    await operator.call(
      'ACL',
      'SETUSER',
      'poor',
      'on',
      '>secret',
      '~rq:{work}:*',
      '+@all',
      '-lmove',
    );
    const poor = await asked('poor', '--role', 'consumer');
    const [found] = poor.report.findings.filter(({ id }) => id === 'permissions');
    expect(found?.what).toContain('~rq:queues');
    expect(found?.what).toContain('+lmove');
    expect(await runCli(['doctor', '--role', 'boss'], { url: redis.url })).toMatchObject({
      code: 2,
    });
  });
});

test('replicas and Sentinels are looked at', async () => {
  const servers = await ReplicatedRedis.start({
    replicas: 1,
    settings: { ...WELL, 'min-replicas-to-write': '1' },
  });
  closeLater({ close: () => servers.stop() });
  const directory = await mkdtemp(join(tmpdir(), 'doctor-'));
  closeLater({ close: () => rm(directory, { recursive: true }) });
  const config = join(directory, 'redis-queue.json');
  await writeFile(config, JSON.stringify({ connection: servers.connection }));
  const look = async (): Promise<Report> => {
    const { json } = await runCli(['doctor', '--json', '--config', config]);
    return json as Report;
  };

  const well = await look();
  expect(wrongIn(well)).toEqual([]);
  expect(well.well).toEqual(expect.arrayContaining(['replication', 'Sentinels']));

  const [one, other, last] = servers.sentinels;
  for (const sentinel of [one!, other!]) await servers.killSentinel(sentinel);
  await askSentinel(last!, 'RESET', SENTINEL_NAME);
  const { primary, replicas } = servers;
  await primary.commands.config('SET', 'min-replicas-to-write', '0');
  await replicas[0]?.commands.config('SET', 'appendonly', 'no');
  const broken = await look();
  expect(wrongIn(broken).toSorted()).toEqual([
    'few-sentinels',
    'no-quorum',
    'replica-not-persistent',
    'sentinel-away',
    'sentinel-away',
  ]);
  expect(broken.findings.map(({ id }) => id)).toContain('no-min-replicas');

  await primary.commands.config('SET', 'min-replicas-to-write', '2');
  await replicas[0]?.stop();
  const refusing = await look();
  expect(wrongIn(refusing)).toContain('too-few-replicas');
});

test('waiting and delayed messages are told apart', async () => {
  const { redis } = await redisWith(WELL);
  const client = closeLater(new RedisQueueClient({ connection: redis.url }));
  await client.enqueue('waits', 1);
  await client.enqueue('both', 1);
  for (const queue of ['both', 'delayed']) await client.enqueue(queue, 1, { delayMs: 600_000 });

  const { report } = await reportOf(redis.url);

  const told = report.findings.filter(({ id }) => id === 'queue-unserved').map(({ what }) => what);
  expect(told.toSorted()).toEqual([
    'Nobody serves "both": 2 messages wait or are delayed.',
    'Nobody serves "delayed": 1 message is delayed.',
    'Nobody serves "waits": 1 message waits.',
  ]);
});

test('suspects that nobody serves are found', async () => {
  const { redis, operator } = await redisWith(WELL);
  await operator.rpush('rq:{work}:suspects', '1');
  await operator.hset('rq:queues', 'work', 'pushed');

  const { report } = await reportOf(redis.url);

  expect(wrongIn(report)).toContain('queue-unserved');
});

/** Node finds no msgpackr then. */
const WITHOUT_MSGPACK = `--import=data:text/javascript,${encodeURIComponent(
  "import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent('export const resolve = (name, context, next) => next(name === \"msgpackr\" ? \"no-such-package\" : name, context);'));",
)}`;

test('messages in MessagePack are fine, and a note without its library', async () => {
  const { redis } = await redisWith(WELL);
  const client = closeLater(
    new RedisQueueClient({ connection: redis.url, codec: msgpackCodec, codecs: [msgpackCodec] }),
  );
  await client.enqueue('work', { n: 1 });
  const codecFindings = ({ findings }: Report): string[] =>
    findings.map(({ id }) => id).filter((id) => /unreadable|codec/.test(id));

  expect(codecFindings((await reportOf(redis.url)).report)).toEqual([]);
  const environment = { NODE_OPTIONS: WITHOUT_MSGPACK };
  const without = await runCli(['doctor', '--json'], { url: redis.url, environment });
  expect(codecFindings(without.json as Report)).toEqual(['unknown-codec']);
});

test('a Redis that is away ends with 3', async () => {
  const { code, out } = await runCli(['doctor'], { url: 'redis://ada:secret@127.0.0.1:1' });
  expect({ code, out }).toEqual({ code: 3, out: '' });
});
