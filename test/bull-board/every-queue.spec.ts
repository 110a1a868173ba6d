import { beforeEach, expect, jest, test } from '@jest/globals';
import { findFreePort } from 'local-redis';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { RedisQueueAdapter, everyRedisQueue } from 'nestjs-redis-queue-transport/bull-board';
import { nestRig } from '../support/nest-rig.js';
import { Board } from './board-rig.js';

const rig = nestRig();

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

async function namesOn(board: Board): Promise<string[]> {
  const { body } = await board.get('queues');
  return (body['queues'] as { name: string }[]).map(({ name }) => name);
}

test('every queue is on the board, groups included, and new ones as they appear', async () => {
  const client = rig.client();
  await client.enqueue('mail.send', 1);
  await client.enqueue({ cmd: 'sum' }, 1);
  await admin.declare('order.placed', { groups: ['billing'] });
  const clock = jest.spyOn(performance, 'now');
  rig.closeLater({ close: () => clock.mockRestore() });
  const before = everyRedisQueue({ admin, client, readOnlyMode: true, delimiter: '.' });
  const board = await Board.open(rig, [], { handlerHooks: { before } });

  expect(await namesOn(board)).toEqual(['@billing/order.placed', 'mail.send', '{"cmd":"sum"}']);
  expect(await board.queue('mail.send')).toMatchObject({ readOnlyMode: true, delimiter: '.' });

  await client.enqueue('later', 1, { id: 'l' });
  await admin.retire('order.placed', 'billing', { waiting: 'drop' });
  const nowMs = performance.now();
  clock.mockImplementation(() => nowMs + 10_000);
  // Somebody opens a link to a message of a queue that the board has not listed yet.
  expect((await board.get('queues/later/l')).status).toBe(200);
  expect(await namesOn(board)).toEqual(['mail.send', '{"cmd":"sum"}', 'later']);
});

test('queues of other programs keep their names', async () => {
  const client = rig.client();
  await client.enqueue('mail.send', 1);
  await client.enqueue('mail.receive', 1);
  const theirs = new RedisQueueAdapter({ admin, queue: 'mail.receive' }, { prefix: '' });
  const before = everyRedisQueue({ admin, client });
  const board = await Board.open(rig, [theirs], { handlerHooks: { before } });

  expect(await namesOn(board)).toEqual(['mail.receive', 'redis-queue:mail.receive', 'mail.send']);
  expect((await board.queue('redis-queue:mail.receive')).counts['waiting']).toBe(1);
});

test('a queue that cannot be read says why, and hides no other', async () => {
  await rig.client().enqueue('good', 1);
  await rig.client().enqueue('bad', 1);
  await rig.commands.set(`${rig.prefix}:{bad}:dead`, 'of another program');
  const board = await Board.open(rig, [], { handlerHooks: { before: everyRedisQueue({ admin }) } });

  expect(await board.queue('good')).toMatchObject({ counts: { waiting: 1 } });
  expect(await board.queue('bad', { status: 'waiting' })).toMatchObject({
    counts: { waiting: 0, failed: 0 },
    isPaused: false,
    description: expect.stringMatching(/^Cannot be looked at: .*WRONGTYPE.*:dead/),
  });

  await rig.commands.del(`${rig.prefix}:{bad}:dead`);
  expect(await board.queue('bad')).toMatchObject({ counts: { waiting: 1 } });
  expect(await board.queue('bad')).not.toHaveProperty('description');
});

test('a queue tells what waits in lanes, and what limits hold back', async () => {
  for (const n of [1, 2, 3]) await rig.client().enqueue('work', n, { key: 'a' });
  const key = (part: string): string => `${rig.prefix}:{work}:${part}`;
  await rig.commands.hset(key('terms'), { maxLength: '3', limit: '5 running' });
  await rig.commands.set(key('slowed'), '90000', 'PX', 90_000);
  const board = await Board.open(rig, [], { handlerHooks: { before: everyRedisQueue({ admin }) } });
  await board.queue('work');
  expect(await board.queue('work')).toMatchObject({
    description: expect.stringMatching(
      /^2 of those that wait are behind another message of their key; slowed down for \d+ s; full: at most 3 may wait$/,
    ),
  });
});

test('one hook serves several boards', async () => {
  await rig.client().enqueue('work', 1);
  const handlerHooks = { before: everyRedisQueue({ admin }) };
  const boards = [
    await Board.open(rig, [], { handlerHooks }),
    await Board.open(rig, [], { handlerHooks }),
  ];

  for (const board of [...boards, ...boards]) expect(await namesOn(board)).toEqual(['work']);
});

test('while Redis is away, the board says why', async () => {
  const connection = `redis://user:hunter2@127.0.0.1:${await findFreePort()}`;
  const alone = rig.closeLater(new RedisQueueAdmin({ connection, connectTimeoutMs: 50 }));
  const before = everyRedisQueue({ admin: alone });
  const board = await Board.open(rig, [], { handlerHooks: { before } });

  const { status, body } = await board.get('queues');

  expect(status).toBe(500);
  expect(body['message']).toMatch(/Redis/);
  expect(JSON.stringify(body)).not.toContain('hunter2');
});
