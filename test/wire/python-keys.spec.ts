import { expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { expectTrueCounts } from '../contract/counted-keys.js';
import { eventControllerOf } from '../e2e/events/controller.js';
import { eventually } from '../support/eventually.js';
import { dumpQueue } from '../support/queue-dump.js';
import type { QueueDump } from '../support/queue-dump.js';
import { wireRig } from './wire-rig.js';

const rig = wireRig();

const QUEUE = 'mail.send';
const TO = 'ada@example.com';

function dump(): Promise<QueueDump> {
  return dumpQueue(rig.nest.commands, rig.nest.prefix, QUEUE);
}

/** Nothing is left of any key. */
async function untilFree(): Promise<void> {
  await eventually(async () => {
    const seen = await dump();
    expect([seen.lanes.size, seen.out.size, seen.waiting.length]).toEqual([0, 0, 0]);
  });
}

test('enqueue.py --key puts messages behind others of their key, and our server keeps the order', async () => {
  for (const text of ['1', '2', '3'])
    await rig.finish('enqueue', '--key', 'Ada/7 é', QUEUE, JSON.stringify(text));
  const seen = await dump();
  expectTrueCounts(seen);
  expect([seen.waiting.length, [...seen.lanes.keys()]]).toEqual([1, ['Ada%2F7%20%C3%A9']]);

  const handled: unknown[] = [];
  @Controller()
  class MailController {
    @MessagePattern(QUEUE)
    handle(@Payload() data: string, @Ctx() context: RedisQueueContext): void {
      handled.push([data, context.getKey()]);
    }
  }
  await rig.nest.serve({ controllers: [MailController] });
  await eventually(() => expect(handled).toEqual(['1', '2', '3'].map((text) => [text, 'Ada/7 é'])));
  await untilFree();
});

test('emit.py --key puts copies behind others of their key, also ours, and each group keeps the order', async () => {
  const pattern = 'order.placed';
  const queues = ['billing', 'audit'].map((group) => `@${group}/${pattern}`);
  await rig.admin().declare(pattern, { groups: ['billing', 'audit'] });
  await rig.finish('emit', '--key', 'é', pattern, '1');
  await lastValueFrom(rig.nest.client().emit(pattern, 2, { key: 'é' }));
  await rig.finish('emit', '--key', 'é', pattern, '3');
  await rig.finish('emit', pattern, '4');
  for (const queue of queues) {
    const seen = await dumpQueue(rig.nest.commands, rig.nest.prefix, queue);
    expectTrueCounts(seen);
    expect([seen.waiting.length, seen.lanes.get('%C3%A9')?.length]).toEqual([2, 2]);
  }

  const handled: unknown[][] = [[], []];
  const controllers = ['billing', 'audit'].map((group, index) =>
    eventControllerOf(pattern, (data, context) => handled[index]?.push([data, context.getKey()]), {
      group,
      concurrency: 1,
    }),
  );
  await rig.nest.serve({ controllers });
  const inOrder = [1, 4, 2, 3].map((data) => [data, data === 4 ? undefined : 'é']);
  await eventually(() => expect(handled).toEqual([inOrder, inOrder]));
});

test('the programs let nothing of a paused key go on', async () => {
  const admin = rig.admin();
  await rig.finish('enqueue', '--key', 'a', QUEUE, JSON.stringify({ to: TO, text: '1' }));
  await rig.finish('enqueue', '--key', 'a', QUEUE, JSON.stringify({ to: TO, text: '2' }));
  await admin.pause(QUEUE, { key: 'a' });
  await admin.pause(QUEUE, { key: 'b' });
  await rig.finish('enqueue', '--key', 'b', QUEUE, JSON.stringify({ to: TO, text: '3' }));
  await rig.consume(QUEUE);
  await eventually(async () => {
    const seen = await dump();
    expect([seen.waiting.length, seen.processing.size]).toEqual([0, 0]);
    expect(seen.out).toEqual(
      new Map([
        ['a', 0],
        ['b', 0],
      ]),
    );
  });
  const seen = await dump();
  expectTrueCounts(seen);
  expect([seen.lanes.get('a')?.length, seen.lanes.get('b')?.length]).toEqual([1, 1]);
  for (const key of ['a', 'b']) await admin.resume(QUEUE, { key });
  await untilFree();
});

test('consumer.py lets the next of a key go on only when the one before it is settled', async () => {
  const client = rig.nest.client();
  const consumer = await rig.consume(QUEUE);
  const send = (key: string, mail: object): Promise<unknown> =>
    lastValueFrom(client.enqueue(QUEUE, mail, { key }));
  await send('a', { to: TO, text: 'a1', busy: true });
  await send('a', { to: 'nobody', text: 'a2' });
  await send('a', { to: TO, text: 'a3' });
  await send('b', { to: TO, text: 'b1' });
  await lastValueFrom(client.enqueue(QUEUE, { to: TO, text: 'a4' }, { key: 'a', delayMs: 300 }));

  await eventually(() => expect(consumer.all('mail')).toHaveLength(6));
  const texts = consumer.all('mail').map((mail) => (mail as { text: string }).text);
  // The first is tried twice, the second is dead-lettered, and the last is due later.
  expect(texts.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a1', 'a2', 'a3', 'a4']);
  await untilFree();
  expect(await rig.admin().lengths(QUEUE)).toMatchObject({ dead: 1, processing: 0, inLanes: 0 });
});
