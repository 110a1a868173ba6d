import { beforeEach, describe, expect, test } from '@jest/globals';
import { HealthIndicatorService } from '@nestjs/terminus';
import {
  DeadLetter,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import { RedisQueueAdapter } from 'nestjs-redis-queue-transport/bull-board';
import { RedisQueueHealthIndicator } from 'nestjs-redis-queue-transport/terminus';
import { MemoryStore } from 'nestjs-redis-queue-transport/testing';
import { Board } from '../bull-board/board-rig.js';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { nestRig } from '../support/nest-rig.js';

// For the apps alone: what they send and serve is in the store.
const rig = nestRig();

let connection: MemoryStore;
let admin: RedisQueueAdmin;
let client: RedisQueueClient;

beforeEach(() => {
  connection = new MemoryStore();
  admin = rig.closeLater(new RedisQueueAdmin({ connection }));
  client = rig.closeLater(new RedisQueueClient({ connection }));
});

/** Dead-letters texts that begin with "bad", and holds everything else until the gate opens. */
async function serve(gate: Gate): Promise<RedisQueueServer> {
  const controller = controllerOf('work', async (data) => {
    if (String(data).startsWith('bad')) throw new DeadLetter('not good');
    await gate.opened;
  });
  const server = new RedisQueueServer({ connection, concurrency: 1 });
  const app = await rig.microservice({ controllers: [controller] }, server);
  await app.listen();
  return server;
}

async function fill(gate: Gate): Promise<RedisQueueServer> {
  const server = await serve(gate);
  await client.enqueue('work', 'bad', { id: 'dead' });
  await eventually(async () => expect((await admin.lengths('work')).dead).toBe(1));
  await client.enqueue('work', 'runs', { id: 'held' });
  await eventually(async () => expect((await admin.lengths('work')).processing).toBe(1));
  await client.enqueue('work', 'x'.repeat(300_000), { id: 'waits' });
  await client.enqueue('work', 'later', { id: 'delayed', delayMs: 60_000 });
  return server;
}

function openBoard(): Promise<Board> {
  return Board.open(rig, [new RedisQueueAdapter({ admin, client, queue: 'work' })]);
}

describe('RedisQueueAdmin on a store in memory', () => {
  test('shows what is in each place, and changes it', async () => {
    const gate = new Gate();
    await fill(gate);

    expect((await admin.overview()).queues).toMatchObject([
      { queue: 'work', waiting: 1, processing: 1, delayed: 1, dead: 1, consumers: 1 },
    ]);
    for (const [id, place] of Object.entries({
      waits: 'waiting',
      held: 'held',
      delayed: 'delayed',
    }))
      expect(await admin.find('work', id)).toMatchObject({ id, place });
    expect((await admin.find('work', 'waits'))?.data).toHaveLength(300_000);
    expect(await admin.advanceDelayed('work')).toBe(1);
    expect(await admin.remove('work', 'waits')).toBe('removed');
    expect(await admin.redriveAll('work')).toBe(1);
    expect((await admin.peek('work')).map(({ id }) => id)).toEqual(['dead']);
    expect(await admin.purge('work')).toBe(2);
    gate.open();
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(0));
  });
});

describe('bull-board on a store in memory', () => {
  test('shows the lists of a queue, retries a dead letter, and says that this is no Redis', async () => {
    const gate = new Gate();
    await fill(gate);
    const board = await openBoard();

    expect(await board.queue('work')).toMatchObject({
      counts: { active: 1, waiting: 1, delayed: 1, failed: 1 },
      hasWorkers: true,
    });
    expect((await board.get('redis/stats')).body).toMatchObject({
      backend: 'redis',
      mode: 'memory',
      memory: { used: 0 },
    });
    const [{ entry = '' } = {}] = (await admin.deadLetters('work')).letters;
    expect(await board.put(`queues/work/${entry}/retry`)).toMatchObject({ status: 204 });
    expect(await admin.lengths('work')).toMatchObject({ dead: 0, waiting: 2 });
    gate.open();
    await eventually(async () => expect((await admin.lengths('work')).waiting).toBe(0));
    await admin.purge('work');
  });

  test('pauses and resumes a queue', async () => {
    await client.enqueue('work', 1, { id: 'a' });
    const board = await openBoard();
    expect((await board.put('queues/work/pause')).status).toBe(200);
    expect(await board.queue('work')).toMatchObject({ isPaused: true });
    expect((await board.put('queues/work/resume')).status).toBe(200);
    expect(await admin.lengths('work')).toMatchObject({ isPaused: false, waiting: 1 });
  });
});

describe('the health indicator on a store in memory', () => {
  test('is up, and degraded when more messages wait in a queue than may', async () => {
    const gate = new Gate();
    const server = await fill(gate);
    const indicatorOf = (waiting: number): RedisQueueHealthIndicator =>
      new RedisQueueHealthIndicator(new HealthIndicatorService(), {
        of: [server, client],
        admin,
        lookEveryMs: 0,
        queues: { work: { waiting } },
      });

    expect(await indicatorOf(1).isHealthy('queues')).toMatchObject({ queues: { status: 'up' } });
    expect(await indicatorOf(0).isHealthy('queues')).toMatchObject({
      queues: { status: 'degraded', reasons: [expect.stringContaining('work')] },
    });
    gate.open();
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(0));
  });
});
