import { afterEach, describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { RedisQueueMessage, SlowDown } from 'nestjs-redis-queue-transport';
import { MemoryStore, RedisQueueTestKit } from 'nestjs-redis-queue-transport/testing';
import { eventually } from '../support/eventually.js';

const HOUR_MS = 3_600_000;

@Controller()
class MailController {
  #slowsDown = true;

  @RedisQueueMessage('mail.hourly', { limit: { rate: 1, perMs: HOUR_MS } })
  hourly(): string {
    return 'sent';
  }

  @RedisQueueMessage('mail.hourly-each', { perKey: { rate: 1, perMs: HOUR_MS } })
  hourlyEach(): string {
    return 'sent';
  }

  @RedisQueueMessage('mail.slow')
  slow(): void {
    this.#slowDownOnce('queue');
  }

  @RedisQueueMessage('mail.slow-each')
  slowEach(@Payload() _text: string): void {
    this.#slowDownOnce('key');
  }

  #slowDownOnce(of: 'queue' | 'key'): void {
    const isFirst = this.#slowsDown;
    this.#slowsDown = false;
    if (isFirst) throw new SlowDown({ ms: HOUR_MS, of });
  }
}

describe('moving the clock of a store in memory', () => {
  let kit: RedisQueueTestKit;

  afterEach(() => kit.close());

  test.each([
    ['the rate of a queue', 'mail.hourly', 1],
    ['the rate of a key', 'mail.hourly-each', 1],
    ['a queue that was slowed down', 'mail.slow', 0],
    ['a key that was slowed down', 'mail.slow-each', 0],
  ])('lets go on what waits for %s', async (_, pattern, before) => {
    const store = new MemoryStore();
    kit = await RedisQueueTestKit.start({ connection: store, controllers: [MailController] });
    const client = kit.client;
    for (const text of ['one', 'two']) await client.enqueue(pattern, text, { key: 'ada' });
    await eventually(() => expect(kit.handled(pattern).data).toHaveLength(before));
    await eventually(async () => {
      const { processing, waiting, delayed, inLanes } = await kit.admin.lengths(pattern);
      expect([processing, waiting + delayed + inLanes]).toEqual([0, 2 - before]);
    });

    store.advance(HOUR_MS);

    await eventually(() => expect(kit.handled(pattern).data.toSorted()).toEqual(['one', 'two']));
  });
});
