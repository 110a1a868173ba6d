import { expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { dumpQueue } from '../support/queue-dump.js';
import { wireRig } from './wire-rig.js';

const rig = wireRig();

const QUEUE = 'mail.send';

test('enqueue.py --priority puts messages where our server takes them by their priority', async () => {
  for (const priority of ['4', '0', '9', '5', '9'])
    await rig.finish('enqueue', '--priority', priority, QUEUE, priority);
  const { waiting, levels } = await dumpQueue(rig.nest.commands, rig.nest.prefix, QUEUE);
  expect(waiting).toHaveLength(1);
  expect([...levels].map(([level, list]) => [level, list.length]).toSorted()).toEqual([
    [0, 1],
    [5, 1],
    [9, 2],
  ]);

  const handled: unknown[] = [];
  @Controller()
  class MailController {
    @MessagePattern(QUEUE, { concurrency: 1 })
    handle(@Payload() data: number, @Ctx() context: RedisQueueContext): void {
      handled.push([data, context.getPriority()]);
    }
  }
  await rig.nest.serve({ controllers: [MailController] });
  await eventually(() => expect(handled).toEqual([9, 9, 5, 4, 0].map((each) => [each, each])));
});

test('consumer.py takes by priority, and leaves nothing in lists that nobody waits for', async () => {
  const client = rig.nest.client();
  await rig.admin().pause(QUEUE);
  const consumer = await rig.consume(QUEUE);
  for (const priority of [4, 0, 9, 5, 9])
    await lastValueFrom(
      client.enqueue(QUEUE, { to: 'ada@example.com', text: String(priority) }, { priority }),
    );
  await rig.admin().resume(QUEUE);
  await eventually(() => expect(consumer.all('mail')).toHaveLength(5));
  const texts = consumer.all('mail').map((mail) => (mail as { text: string }).text);
  expect(texts).toEqual(['9', '9', '5', '4', '0']);
  const { waiting, levels } = await dumpQueue(rig.nest.commands, rig.nest.prefix, QUEUE);
  expect([waiting.length, levels.size]).toEqual([0, 0]);
  expect((await rig.admin().lengths(QUEUE)).dead).toBe(0);
});
