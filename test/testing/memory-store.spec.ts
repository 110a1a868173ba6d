import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { RedisQueueMessage } from 'nestjs-redis-queue-transport';
import { MemoryStore, RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import { eventually } from '../support/eventually.js';

const DAY_MS = 86_400_000;

@Controller()
class RemindersController {
  @RedisQueueMessage('reminder.send')
  send(@Payload() text: string): string {
    return `sent: ${text}`;
  }

  @RedisQueueMessage('reminder.import', { feedFrom: { list: 'legacy:reminders', take: 'left' } })
  import(@Payload() text: string): string {
    return `imported: ${text}`;
  }
}

describe('a store in memory', () => {
  let store: MemoryStore;
  let kit: RedisQueueTestKit;

  beforeEach(async () => {
    store = new MemoryStore();
    kit = await RedisQueueTestKit.start({ connection: store, controllers: [RemindersController] });
  });

  afterEach(() => kit.close());

  async function delayed(): Promise<number> {
    return (await kit.admin.lengths('reminder.send')).delayed;
  }

  test('hands out what becomes due when its clock is moved, and nothing earlier', async () => {
    await kit.enqueue('reminder.send', 'tomorrow', { delayMs: DAY_MS });
    await kit.enqueue('reminder.send', 'next week', { delayMs: 7 * DAY_MS });

    await eventually(async () => expect(await delayed()).toBe(2));
    store.advance(DAY_MS);
    await eventually(() => expect(kit.handled('reminder.send').data).toEqual(['tomorrow']));
    expect(await delayed()).toBe(1);

    store.advance(6 * DAY_MS);
    await eventually(() =>
      expect(kit.handled('reminder.send').data).toEqual(['tomorrow', 'next week']),
    );
  });

  test('keeps the leases of consumers when its clock is moved', async () => {
    store.advance(DAY_MS);
    await kit.enqueue('reminder.send', 'after that');
    await kit.settled();
    expect(kit.handled('reminder.send').only).toMatchObject({ data: 'after that', attempt: 1 });
  });

  test('feeds a handler from the list of another program', async () => {
    store.pushToList('legacy:reminders', '"one"', Buffer.from('"two"'));
    await eventually(() => expect(kit.handled('reminder.import').data).toEqual(['one', 'two']));
  });
});
