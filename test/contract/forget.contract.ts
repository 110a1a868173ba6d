import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { eventually } from '../support/eventually.js';
import type { QueueWorld } from './broker-world.js';
import { DrivenQueue } from './driven-queue.js';
import { keyed, prioritised } from './elements.js';

const LATER = 3_600_000;
const FENCED_MS = 15 * 60_000;

/** What forgetting a queue leaves, and when it does nothing. To be called within a `describe`. */
export function forgetContract(world: QueueWorld): void {
  let queue: DrivenQueue;
  let admin: AdminBroker;
  let broker: Broker;

  beforeEach(async () => {
    queue = new DrivenQueue(world, 'orders.place');
    admin = world.openAdmin();
    broker = await world.open();
  });

  afterEach(() => queue.leaveAll());

  const forget = (): ReturnType<AdminBroker['forget']> => admin.forget(queue.name);

  test('removes a queue that was served and is empty; its next consumer lists it again', async () => {
    await queue.pushAll('a', 'b');
    await admin.purge(queue.name, 'all');
    const lease = await queue.join();
    await lease.leave();
    expect(await admin.queues()).toEqual([queue.name]);

    expect(await forget()).toBe('forgotten');

    expect(await admin.queues()).toEqual([]);
    expect(await forget()).toBe('unknown');
    await queue.join();
    expect(await admin.queues()).toEqual([queue.name]);
  });

  test('knows nothing of a queue that nobody knows', async () => {
    expect(await forget()).toBe('unknown');
  });

  const PLACES: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['waits', () => queue.push('a')],
    ['waits with a priority', () => broker.push(queue.name, 'a', prioritised(9, 'a'))],
    ['is delayed', () => queue.pushLater('a', LATER)],
    ['is a dead letter', () => queue.deadLetter('a')],
    [
      'is suspect',
      () =>
        queue
          .push('a')
          .then(() => queue.crashed(1))
          .then((one) => queue.reclaim(one)),
    ],
    ['is in the hands of a consumer that died', () => queue.push('a').then(() => queue.crashed(1))],
  ];

  test.each(PLACES)('leaves a message alone that %s', async (_, fill) => {
    await fill();
    await world.passTime(FENCED_MS, queue.name);
    expect(await forget()).toBe('hasMessages');
    expect(await admin.queues()).toEqual([queue.name]);
  });

  test('leaves a queue alone of which messages of a key wait, or are out', async () => {
    await broker.push(queue.name, 'a1', keyed('a', 'a1'));
    await broker.push(queue.name, 'a2', keyed('a', 'a2'));
    expect(await forget()).toBe('hasMessages');
    await admin.purge(queue.name, 'all');
    expect(await forget()).toBe('forgotten');
  });

  test('leaves a message alone that was taken from the list of another program, and was not moved yet', async () => {
    await world.leaveFed(queue.name, 'a');
    expect(await forget()).toBe('hasMessages');
    const feed = await broker.feed(queue.name, { key: `{${queue.name}}:theirs`, take: 'left' });
    await eventually(async () => expect(await world.leftFed(queue.name)).toBe(0));
    await feed.stop();
    expect(await forget()).toBe('hasMessages');
    expect(await admin.purge(queue.name, 'all')).toBe(1);
    expect(await forget()).not.toBe('hasMessages');
  });

  test('leaves a queue alone that has a consumer, or had one whose late command may still take something', async () => {
    const lease = await queue.join();
    expect(await forget()).toBe('isServed');
    await lease.leave();
    const died = await queue.crashed(0);
    await queue.reclaim(died);
    expect(await forget()).toBe('isServed');
    await world.endFence(queue.name, died);
    expect(await forget()).toBe('forgotten');
  });

  test('takes one that died long ago for gone, though nobody has looked', async () => {
    await queue.crashed(0);
    expect(await forget()).toBe('forgotten');
  });

  test('leaves a queue alone that is paused, or of which a key is', async () => {
    await queue.push('a');
    await admin.purge(queue.name, 'all');
    await admin.setPaused(queue.name, true);
    expect(await forget()).toBe('isPaused');
    await admin.setPaused(queue.name, false);
    await admin.setKeyPaused(queue.name, 'a', true);
    expect(await forget()).toBe('isPaused');
    await admin.setKeyPaused(queue.name, 'a', false);
    expect(await forget()).toBe('forgotten');
  });

  test('leaves the queue of a group alone, and forgets what is left of one that was retired', async () => {
    await broker.declare({ pattern: 'report.asked', groups: ['mail'] });
    const group = new DrivenQueue(world, '@mail/report.asked');
    await group.join();
    await group.leaveAll();
    expect(await admin.forget(group.name)).toBe('isGroup');
    await admin.events.retire(group.name, 'keep');
    expect(await admin.forget(group.name)).toBe('forgotten');
    expect(await admin.queues()).toEqual([]);
  });

  test('leaves the ids that are remembered', async () => {
    const terms = { deduplicateMs: LATER };
    await queue.push('a', '{}', terms);
    await admin.purge(queue.name, 'all');
    expect(await forget()).toBe('forgotten');
    expect(await queue.push('a', '{}', terms)).toBe('duplicate');
  });
}
