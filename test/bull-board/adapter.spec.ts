import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  DeadLetter,
  InvalidOptionError,
  RedisQueueAdmin,
  RedisQueueError,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import {
  ActionRefusedError,
  RedisQueueAdapter,
  everyRedisQueue,
} from 'nestjs-redis-queue-transport/bull-board';
import type { RedisQueueAdapterOptions } from 'nestjs-redis-queue-transport/bull-board';
import { rulesOf } from '../docs/acl-users.js';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { nestRig } from '../support/nest-rig.js';
import { queueKey } from '../support/queue-dump.js';
import { Board } from './board-rig.js';
import type { JobOfBoard } from './board-rig.js';

const rig = nestRig();

let admin: RedisQueueAdmin;
let client: RedisQueueClient;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  client = rig.client();
});

function openBoard(options: RedisQueueAdapterOptions = {}, queue = 'work'): Promise<Board> {
  return Board.open(rig, [new RedisQueueAdapter({ admin, client, queue }, options)]);
}

const idsOf = (jobs: readonly JobOfBoard[]): string[] => jobs.map(({ id }) => id);

/** A handler that dead-letters texts that begin with "bad", and holds everything else until the gate opens. */
async function serve(gate: Gate, concurrency = 10): Promise<void> {
  const controller = controllerOf('work', async (data) => {
    if (String(data).startsWith('bad')) throw new DeadLetter(`not good: ${String(data)}`);
    await gate.opened;
  });
  await rig.serve({ controllers: [controller] }, { concurrency });
}

async function dead(count: number): Promise<void> {
  await eventually(async () => expect((await admin.lengths('work')).dead).toBe(count));
}

describe('the lists of a queue', () => {
  test('are active, waiting, delayed and failed, with their counts', async () => {
    const gate = new Gate();
    await serve(gate, 1);
    await client.enqueue('work', 'bad', { id: 'b' });
    await dead(1);
    await client.enqueue('work', 'runs', { id: 'r' });
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(1));
    await client.enqueue('work', 'waits', { id: 'w' });
    await client.enqueue('work', 'later', { id: 'd', delayMs: 60_000 });
    const board = await openBoard();

    const queue = await board.queue('work');

    expect(queue).toMatchObject({
      type: 'bull',
      statuses: ['latest', 'active', 'waiting', 'prioritized', 'delayed', 'failed'],
      counts: { active: 1, waiting: 1, prioritized: 0, delayed: 1, failed: 1, completed: 0 },
      isPaused: false,
      hasWorkers: true,
    });
    const [{ entry = '' } = {}] = (await admin.deadLetters('work')).letters;
    expect(idsOf(queue.jobs)).toEqual(['r', 'w', 'd', entry]);
    for (const [status, ids] of Object.entries({
      active: ['r'],
      waiting: ['w'],
      delayed: ['d'],
      failed: [entry],
      completed: [],
      paused: [],
    }))
      expect(idsOf((await board.queue('work', { status })).jobs)).toEqual(ids);
    gate.open();
  });

  test.each(['waiting', 'delayed'] as const)('go page by page: %s', async (status) => {
    const delayMs = status === 'delayed' ? 60_000 : 0;
    for (let n = 0; n < 7; n += 1)
      await client.enqueue('work', n, {
        id: `m${n}`,
        ...(delayMs > 0 && { delayMs: delayMs + n }),
      });
    const board = await openBoard();
    const page = (number: number): Promise<{ jobs: readonly JobOfBoard[]; pagination: unknown }> =>
      board.queue('work', { status, page: String(number), jobsPerPage: '3' });

    expect(idsOf((await page(1)).jobs)).toEqual(['m0', 'm1', 'm2']);
    expect(idsOf((await page(3)).jobs)).toEqual(['m6']);
    expect((await page(2)).pagination).toEqual({ pageCount: 3, range: { start: 3, end: 5 } });
    expect((await page(4)).jobs).toEqual([]);
  });

  test('show dead letters in the order in which they are retried, and the newest first under "latest"', async () => {
    const gate = new Gate();
    await serve(gate, 1);
    for (let n = 0; n < 5; n += 1) await client.enqueue('work', `bad ${n}`);
    await dead(5);
    const board = await openBoard();
    const data = async (query: Record<string, string>): Promise<unknown[]> =>
      (await board.queue('work', { jobsPerPage: '2', ...query })).jobs.map((job) => job.data);

    expect(await data({ status: 'failed' })).toEqual(['bad 0', 'bad 1']);
    expect(await data({ status: 'failed', page: '3' })).toEqual(['bad 4']);
    expect(await data({ status: 'latest' })).toEqual(['bad 4', 'bad 3']);
    gate.open();
  });

  test('begin with suspects in the waiting list', async () => {
    const suspects = queueKey(rig.prefix, 'work', 'suspects');
    for (const id of ['s1', 's2', 's3'])
      await rig.commands.rpush(suspects, `{"rq":1,"crashes":1,"attempt":2,"id":"${id}"}\n1`);
    for (const id of ['w1', 'w2']) await client.enqueue('work', 1, { id });
    const board = await openBoard();
    const page = async (number: number): Promise<string[]> =>
      idsOf(
        (await board.queue('work', { status: 'waiting', page: `${number}`, jobsPerPage: '2' }))
          .jobs,
      );

    expect((await board.queue('work')).counts['waiting']).toBe(5);
    expect([await page(1), await page(2), await page(3)]).toEqual([
      ['s1', 's2'],
      ['s3', 'w1'],
      ['w2'],
    ]);
    expect((await board.get('queues/work/s1')).body['job']).toMatchObject({
      attempts: 2,
      opts: { about: { crashes: 1 } },
    });
  });

  test('have a list of their own for messages with a priority, in the order in which they are taken', async () => {
    const send = (priority: number, ...ids: string[]): Promise<unknown> =>
      Promise.all(ids.map((id) => client.enqueue('work', 1, { id, priority })));
    await client.enqueue('work', 1, { id: 'usual' });
    await send(9, 'nine-1', 'nine-2');
    await send(0, 'zero-1', 'zero-2');
    await send(5, 'five');
    await send(4, 'four');
    const board = await openBoard();
    const page = async (status: string, number: number): Promise<string[]> =>
      idsOf((await board.queue('work', { status, page: `${number}`, jobsPerPage: '2' })).jobs);

    expect((await board.queue('work')).counts).toMatchObject({ waiting: 2, prioritized: 5 });
    expect(await page('waiting', 1)).toEqual(['usual', 'four']);
    expect(await page('waiting', 2)).toEqual([]);
    expect([
      ...(await page('prioritized', 1)),
      ...(await page('prioritized', 2)),
      ...(await page('prioritized', 3)),
    ]).toEqual(['nine-1', 'nine-2', 'five', 'zero-1', 'zero-2']);
    expect((await board.get('queues/work/zero-1')).body).toMatchObject({
      status: 'prioritized',
      job: { opts: { priority: 0 } },
    });
    expect((await board.put('queues/work/clean/prioritized')).status).toBe(400);
  });

  test('end the waiting list with messages behind others of their key, the longest lane first', async () => {
    for (const id of ['a1', 'b1', 'a2', 'b2', 'c1', 'b3', 'b4', 'a3'])
      await client.enqueue('work', 1, { id, key: id[0], ...(id === 'a3' && { priority: 9 }) });
    const board = await openBoard();
    const page = async (number: number): Promise<string[]> =>
      idsOf(
        (await board.queue('work', { status: 'waiting', page: `${number}`, jobsPerPage: '3' }))
          .jobs,
      );

    expect((await board.queue('work')).counts).toMatchObject({ waiting: 8, prioritized: 0 });
    expect([await page(1), await page(2), await page(3), await page(4)]).toEqual([
      ['a1', 'b1', 'c1'],
      ['b2', 'b3', 'b4'],
      ['a2', 'a3'],
      [],
    ]);
    expect((await board.get('queues/work/b3')).body).toMatchObject({ status: 'waiting' });
  });

  test('exist for groups too, and for patterns that cannot be part of an address unchanged', async () => {
    await admin.declare('order.placed', { groups: ['billing'] });
    await client.emit('order.placed', { n: 1 }, { id: 'e%41/1' });
    await client.enqueue('100% a/b', 1, { id: 'p' });
    const group = { pattern: 'order.placed', group: 'billing' };
    const board = await Board.open(rig, [
      new RedisQueueAdapter({ admin, queue: group }),
      new RedisQueueAdapter({ admin, queue: '100% a/b' }),
    ]);

    expect(await board.queue('@billing/order.placed')).toMatchObject({
      description: 'Events order.placed for the group billing',
      counts: { waiting: 1 },
      jobs: [{ id: 'e~2541/1', name: 'order.placed' }],
    });
    const path = `queues/${encodeURIComponent('@billing/order.placed')}`;
    const { body } = await board.get(`${path}/${encodeURIComponent('e~2541/1')}`);
    expect(body).toMatchObject({ job: { opts: { about: { id: 'e%41/1' } } }, status: 'waiting' });
    expect(await board.queue('100~25 a/b')).toMatchObject({
      displayName: '100% a/b',
      jobs: [{ id: 'p' }],
    });
  });
});

describe('one message', () => {
  test('shows its data, headers, attempt, error and stack, and its place', async () => {
    const gate = new Gate();
    await serve(gate);
    await client.enqueue('work', 'bad', { id: 'b', headers: { tenant: 'acme' } });
    await dead(1);
    const [letter] = (await admin.deadLetters('work')).letters;
    const board = await openBoard();

    const { body } = await board.get(`queues/work/${letter!.entry}`);

    expect(body).toMatchObject({
      status: 'failed',
      job: {
        id: letter!.entry,
        name: 'work',
        data: 'bad',
        attempts: 1,
        failedReason: 'rejected: DeadLetter: not good: bad',
        isFailed: true,
        processedBy: letter!.consumer,
        finishedOn: letter!.deadAt.getTime(),
        timestamp: letter!.sentAt!.getTime(),
        opts: { headers: { tenant: 'acme' }, about: { id: 'b', reason: 'rejected' } },
      },
    });
    const { stacktrace } = body['job'] as { stacktrace: string[] };
    expect(stacktrace[0]).toMatch(/^rejected: DeadLetter: not good: bad\n {4}at .*adapter\.spec/);
    gate.open();
  });

  test('is delayed until it is due', async () => {
    await client.enqueue('work', 1, { id: 'd', delayMs: 60_000, expiresInMs: 120_000 });
    const board = await openBoard();

    const { body } = await board.get('queues/work/d');

    const { dueAt, sentAt, expiresAt } = (await admin.delayed('work'))[0]!;
    expect(body).toMatchObject({ status: 'delayed', job: { opts: { about: { attempt: 1 } } } });
    const { job } = body as unknown as { job: JobOfBoard & { timestamp: number; delay: number } };
    expect(job.timestamp + job.delay).toBe(dueAt.getTime());
    expect(job.timestamp).toBe(sentAt!.getTime());
    expect(job.opts['about']).toMatchObject({ expiresAt: expiresAt!.toISOString() });
  });

  test('of another program, without an id, is found and removed by its bytes', async () => {
    const waiting = queueKey(rig.prefix, 'work', 'waiting');
    await rig.commands.rpush(waiting, '{"n":1}', '{"n":2}');
    const board = await openBoard();
    const [, second] = (await board.queue('work', { status: 'waiting' })).jobs;

    expect((await board.get(`queues/work/${second!.id}`)).body).toMatchObject({
      job: { data: { n: 2 } },
      status: 'waiting',
    });
    expect((await board.put(`queues/work/${second!.id}/clean`)).status).toBe(204);

    expect(await rig.commands.lrange(waiting, 0, -1)).toEqual(['{"n":1}']);
    expect((await board.get(`queues/work/${second!.id}`)).status).toBe(404);
  });

  test('that cannot be read is shown by its bytes, and a large one as a note in lists', async () => {
    const waiting = queueKey(rig.prefix, 'work', 'waiting');
    await rig.commands.rpush(waiting, Buffer.from([0xff, 0x00]), '{"rq":7,"id":"x"}\n1');
    await client.enqueue('work', 'x'.repeat(20_000), { id: 'large' });
    const board = await openBoard();

    const { jobs } = await board.queue('work', { status: 'waiting' });

    expect(jobs.map(({ data }) => data)).toEqual([
      { unreadable: expect.any(String), element: '2 bytes: "ÿ\\u0000"' },
      { unreadable: expect.any(String), element: expect.stringContaining('rq') },
      'large: open the message to see it',
    ]);
    const { job } = (await board.get('queues/work/large')).body as unknown as { job: JobOfBoard };
    expect(String(job.data)).toHaveLength(20_000);
    await admin.purge('work');
  });

  test('that is large and has no id is shown when it is opened', async () => {
    const waiting = queueKey(rig.prefix, 'work', 'waiting');
    await rig.commands.rpush(waiting, '1', JSON.stringify('x'.repeat(70_000)));
    const board = await openBoard();

    const [, large] = (await board.queue('work', { status: 'waiting' })).jobs;

    expect(large!.data).toBe('large: open the message to see it');
    const { job } = (await board.get(`queues/work/${large!.id}`)).body as { job: JobOfBoard };
    expect(String(job.data)).toHaveLength(70_000);
    await admin.purge('work');
  });

  test('that does not exist is not found', async () => {
    const board = await openBoard();
    for (const id of ['nothing', '1-1', 'sha256:00', '%20'])
      expect((await board.get(`queues/work/${id}`)).status).toBe(404);
  });
});

describe('actions on one message', () => {
  test('retry sends a dead letter again, once', async () => {
    const gate = new Gate();
    await serve(gate);
    await client.enqueue('work', 'bad');
    await dead(1);
    await admin.pause('work');
    const [{ entry = '' } = {}] = (await admin.deadLetters('work')).letters;
    const board = await openBoard();

    expect((await board.put(`queues/work/${entry}/retry`)).status).toBe(204);

    expect(await admin.lengths('work')).toMatchObject({ dead: 0, waiting: 1 });
    expect((await board.put(`queues/work/${entry}/retry`)).status).toBe(404);
    await admin.purge('work');
    gate.open();
  });

  test('promote makes a delayed message due, and no other', async () => {
    const gate = new Gate();
    await client.enqueue('work', 1, { id: 'a', delayMs: 60_000 });
    await client.enqueue('work', 2, { id: 'b', delayMs: 60_000 });
    await client.enqueue('work', 3, { id: 'c' });
    const board = await openBoard();

    expect((await board.put('queues/work/a/promote')).status).toBe(204);
    expect(await board.put('queues/work/c/promote')).toMatchObject({
      status: 409,
      body: { message: 'The message is no longer delayed. Reload the page.' },
    });
    await serve(gate);

    await eventually(async () =>
      expect(await admin.lengths('work')).toMatchObject({ processing: 2, delayed: 1 }),
    );
    gate.open();
  });

  test('remove removes a waiting, delayed or dead message, but none that a consumer holds', async () => {
    const gate = new Gate();
    await serve(gate, 1);
    await client.enqueue('work', 'bad');
    await dead(1);
    await client.enqueue('work', 'runs', { id: 'r' });
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(1));
    await client.enqueue('work', 1, { id: 'w' });
    await client.enqueue('work', 1, { id: 'd', delayMs: 60_000 });
    const [{ entry = '' } = {}] = (await admin.deadLetters('work')).letters;
    const board = await openBoard();

    for (const id of ['w', 'd', entry])
      expect((await board.put(`queues/work/${id}/clean`)).status).toBe(204);
    expect(await board.put('queues/work/r/clean')).toMatchObject({
      status: 409,
      body: { error: { key: 'ERRORS.JOB_IS_ACTIVE' } },
    });

    const rest = { waiting: 0, delayed: 0, dead: 0, processing: 1 };
    expect(await admin.lengths('work')).toMatchObject(rest);
    gate.open();
  });

  test('changing its data is refused', async () => {
    await client.enqueue('work', 1, { id: 'w' });
    const board = await openBoard();

    const answer = await board.ask('PATCH', 'queues/work/w/update-data', { jobData: 2 });

    expect(answer).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/^The data/) },
    });
    expect((await admin.peek('work')).map(({ data }) => data)).toEqual([1]);
  });
});

describe('actions on a queue', () => {
  test('pause and resume', async () => {
    const board = await openBoard();

    expect((await board.put('queues/work/pause')).status).toBe(200);
    expect((await board.queue('work')).isPaused).toBe(true);
    expect((await admin.lengths('work')).isPaused).toBe(true);
    await board.put('queues/work/resume');
    expect((await admin.lengths('work')).isPaused).toBe(false);
    await board.put('queues/pause');
    expect((await admin.lengths('work')).isPaused).toBe(true);
    await board.put('queues/resume');
    expect((await admin.lengths('work')).isPaused).toBe(false);
  });

  test('empty removes waiting and delayed messages, clean one of the lists', async () => {
    const fill = async (): Promise<void> => {
      await client.enqueue('work', 1);
      await client.enqueue('work', 1, { delayMs: 60_000 });
    };
    await fill();
    const element = (ageMs: number): string =>
      `{"rq":1,"dead":{"reason":"rejected","at":${Date.now() - ageMs},"whole":true}}\n1`;
    const key = queueKey(rig.prefix, 'work', 'dead');
    await rig.commands.xadd(key, '1-0', 'element', element(60_000));
    // bull-board keeps messages younger than five seconds here, since nobody has seen them yet.
    await rig.commands.xadd(key, '2-0', 'element', element(-60_000));
    const board = await openBoard();

    expect((await board.put('queues/work/clean/failed')).status).toBe(200);
    expect((await admin.deadLetters('work')).letters.map(({ entry }) => entry)).toEqual(['2-0']);
    await board.put('queues/work/clean/delayed');
    expect(await admin.lengths('work')).toMatchObject({ waiting: 1, delayed: 0 });
    await board.put('queues/work/clean/wait');
    expect(await admin.lengths('work')).toMatchObject({ waiting: 0 });
    expect((await board.put('queues/work/clean/completed')).status).toBe(200);
    expect((await board.put('queues/work/clean/active')).status).toBe(400);
    await fill();
    expect((await board.put('queues/work/empty')).status).toBe(200);
    expect(await admin.lengths('work')).toMatchObject({ waiting: 0, delayed: 0, dead: 1 });
  });

  test('retry all sends each dead letter again, even if they fail again at once', async () => {
    const gate = new Gate();
    await serve(gate, 1);
    for (let n = 0; n < 120; n += 1) await client.enqueue('work', `bad ${n}`);
    await dead(120);
    const board = await openBoard();

    const answer = await board.put('queues/work/retry/failed');

    expect(answer).toMatchObject({ status: 200, body: { skipped: 0 } });
    await dead(120);
    const { letters } = await admin.deadLetters('work', { limit: 200 });
    expect(letters.filter(({ headers }) => !('dead-letter-history' in headers))).toEqual([]);
    gate.open();
  });

  test('promote all makes everything due', async () => {
    for (let n = 0; n < 3; n += 1) await client.enqueue('work', n, { delayMs: 60_000 });
    const board = await openBoard();

    expect((await board.put('queues/work/promote')).status).toBe(200);

    const due = (await admin.delayed('work')).map(({ dueAt }) => dueAt.getTime());
    expect(Math.max(...due)).toBeLessThan(Date.now() + 30_000);
  });

  test('add enqueues with the options of enqueue, as they are copied from another message', async () => {
    const board = await openBoard();
    const add = (options: object): ReturnType<Board['ask']> =>
      board.ask('POST', 'queues/work/add', { name: '__default__', data: { n: 1 }, options });

    expect(await add({ jobId: 'a', headers: { h: '1' }, about: { attempt: 7 } })).toMatchObject({
      status: 200,
      body: { job: { id: 'a', data: { n: 1 } }, status: 'waiting' },
    });
    expect(await add({ delay: 60_000 })).toMatchObject({ body: { status: 'delayed' } });

    expect(await admin.peek('work')).toMatchObject([
      { id: 'a', data: { n: 1 }, headers: { h: '1' } },
    ]);
    expect(await add({ lifo: true })).toMatchObject({
      status: 500,
      body: { message: expect.stringMatching(/no option lifo/) },
    });
    expect((await add({ attempts: 3 })).body['message']).toMatch(/retry\.attempts/);
    expect((await admin.lengths('work')).waiting).toBe(1);
  });

  test('add to a group reaches that group alone', async () => {
    await admin.declare('order.placed', { groups: ['billing', 'mail'] });
    const queue = '@billing/order.placed';
    const board = await openBoard({}, queue);

    const path = `queues/${encodeURIComponent(queue)}/add`;
    expect((await board.ask('POST', path, { data: { n: 1 } })).status).toBe(200);

    expect((await admin.lengths(queue)).waiting).toBe(1);
    expect((await admin.lengths('@mail/order.placed')).waiting).toBe(0);
  });

  test('impossible actions are refused with a reason', async () => {
    await client.enqueue('work', 1, { id: 'w' });
    await admin.pause('work');
    const adapter = new RedisQueueAdapter({ admin, queue: 'work' });
    const board = await Board.open(rig, [adapter]);

    expect(await board.put('queues/work/obliterate', { force: true })).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/cannot be obliterated/) },
    });
    expect((await board.put('queues/work/concurrency', { concurrency: 3 })).status).toBe(400);
    expect((await board.ask('POST', 'queues/work/add', { data: 1 })).status).toBe(400);
    const error: unknown = await adapter.obliterate().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ActionRefusedError);
    expect(error).toBeInstanceOf(RedisQueueError);
    expect(error).toMatchObject({ name: 'ActionRefusedError', code: 'ACTION_REFUSED' });
    expect((await admin.lengths('work')).waiting).toBe(1);
  });

  test('features that our queues do not have are empty', async () => {
    await client.enqueue('work', 1, { id: 'w' });
    const board = await openBoard();

    expect((await board.get('job-schedulers')).body).toEqual({ schedulers: [] });
    expect((await board.get('queues/work/w/logs')).body).toEqual([]);
    expect((await board.get('queues/work/w/flow')).body).toEqual({
      nodeId: 'w',
      flowRoot: null,
      isFlowNode: false,
    });
    expect((await board.get('queues/work/metrics')).body).toEqual({
      completed: null,
      failed: null,
    });
    expect((await board.get('queues/work/rate-limit')).body).toMatchObject({ supported: false });
  });
});

describe('around a queue', () => {
  test('workers are its consumers, with how much each holds', async () => {
    const gate = new Gate();
    await serve(gate);
    await client.enqueue('work', 'runs');
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(1));
    const board = await openBoard();

    const { body } = await board.get('queues/work/workers');

    const [{ name = '' } = {}] = await admin.consumers('work');
    expect(body).toEqual({ workers: [{ id: name, name, addr: 'holds 1', age: 0 }] });
    gate.open();
  });

  test('facts about Redis come from Redis', async () => {
    const board = await openBoard();

    expect((await board.get('redis/stats')).body).toMatchObject({
      backend: 'redis',
      version: expect.stringMatching(/^\d+\./),
      mode: 'standalone',
      port: rig.redis.port,
      memory: { used: expect.any(Number) },
      clients: { connected: expect.any(Number) },
    });
  });
});

describe('a read-only board', () => {
  const SECRET = 'hunter2';

  async function leaveOneOfEach(): Promise<string> {
    const gate = new Gate();
    await serve(gate);
    await client.enqueue('work', `bad ${SECRET}`, { headers: { authorization: SECRET } });
    await dead(1);
    await admin.pause('work');
    await client.enqueue('work', SECRET, { id: 'w', headers: { authorization: SECRET } });
    await client.enqueue('work', SECRET, { id: 'd', delayMs: 60_000 });
    gate.open();
    return (await admin.deadLetters('work')).letters[0]!.entry;
  }

  test('shows no data, no headers and no text of an error', async () => {
    const entry = await leaveOneOfEach();
    const board = await openBoard({ readOnlyMode: true });

    const answers = [await board.queue('work')];
    for (const id of ['w', 'd', entry])
      answers.push((await board.get(`queues/work/${id}`)).body as never);

    expect(JSON.stringify(answers)).not.toContain(SECRET);
    const { job } = (await board.get(`queues/work/${entry}`)).body as unknown as {
      job: { stacktrace: string[]; failedReason: string; data: string };
    };
    expect(job.failedReason).toBe('rejected: DeadLetter');
    expect(job.stacktrace[0]).toMatch(/^rejected: DeadLetter\n {4}at .*adapter\.spec/);
    expect(job.data).toBe('hidden in read-only mode');
  });

  test('shows them if asked to, and can hide them even if it is not read-only', async () => {
    const entry = await leaveOneOfEach();
    const shows = await openBoard({ readOnlyMode: true, showPayloads: true });
    const hides = await openBoard({ showPayloads: false });

    expect(JSON.stringify((await shows.get(`queues/work/${entry}`)).body)).toContain(SECRET);
    expect(JSON.stringify(await hides.queue('work'))).not.toContain(SECRET);
  });

  test('changes nothing', async () => {
    const entry = await leaveOneOfEach();
    const board = await openBoard({ readOnlyMode: true });
    const before = await admin.lengths('work');

    for (const path of [
      'pause',
      'resume',
      'empty',
      'promote',
      'clean/failed',
      'clean/delayed',
      'retry/failed',
      `${entry}/retry`,
      `${entry}/clean`,
      'w/clean',
      'd/promote',
    ])
      expect((await board.put(`queues/work/${path}`)).status).toBe(405);
    expect((await board.ask('POST', 'queues/work/add', { data: 1 })).status).toBe(405);

    expect(await admin.lengths('work')).toEqual(before);
    await admin.resume('work');
  });
});

test('a read-only board needs a Redis user who may only look', async () => {
  const rules = (await rulesOf('observer')).map((rule) =>
    rule.replaceAll('~rq:', `~${rig.prefix}:`),
  );
  await rig.commands.call('ACL', 'SETUSER', 'observer', ...rules);
  const gate = new Gate();
  await serve(gate, 1);
  await client.enqueue('work', 'bad', { id: 'b' });
  await dead(1);
  await client.enqueue('work', 'runs', { id: 'r' });
  await eventually(async () => expect((await admin.lengths('work')).processing).toBe(1));
  await client.enqueue('work', 'waits', { id: 'w' });
  await client.enqueue('work', 'later', { id: 'd', delayMs: 60_000 });
  const connection = `redis://observer:secret@127.0.0.1:${rig.redis.port}`;
  const looker = rig.closeLater(new RedisQueueAdmin({ connection, prefix: rig.prefix }));
  const before = everyRedisQueue({ admin: looker, readOnlyMode: true, showPayloads: true });
  const board = await Board.open(rig, [], { handlerHooks: { before } });

  const { jobs, counts } = await board.queue('work');

  expect(jobs.map(({ data }) => data)).toEqual(['runs', 'waits', 'later', 'bad']);
  expect(counts).toMatchObject({ active: 1, waiting: 1, delayed: 1, failed: 1 });
  for (const status of ['active', 'waiting', 'delayed', 'failed'])
    expect((await board.queue('work', { status })).jobs).toHaveLength(1);
  for (const { id } of jobs) expect((await board.get(`queues/work/${id}`)).status).toBe(200);
  expect((await board.get('queues/work/workers')).body['workers']).toHaveLength(1);
  expect((await board.get('redis/stats')).status).toBe(200);

  await rig.commands.call('ACL', 'SETUSER', 'observer', '-info');
  expect((await board.get('redis/stats')).status).toBe(404);
  await rig.commands.call('ACL', 'DELUSER', 'observer');
  gate.open();
});

test.each([undefined, '', null, 7, {}, { pattern: 'x' }, { pattern: 'x', group: 'a/b' }])(
  'a queue cannot be called %p',
  (queue) => {
    const given = { admin, queue: queue as unknown as string };
    expect(() => new RedisQueueAdapter(given)).toThrow(InvalidOptionError);
  },
);
