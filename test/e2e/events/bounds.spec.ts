import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { QueueFullError, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { RedisQueueEventOptions } from 'nestjs-redis-queue-transport';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();
const LIST = '@billing/order.placed';

/** Serves the group `billing`, one event at a time, and has it hold one until the gate is open. */
async function serve(options: RedisQueueEventOptions, gate: Gate): Promise<void> {
  const billing = { group: 'billing', concurrency: 1, ...options };
  await rig.serve({ controllers: [eventControllerOf('order.placed', () => gate.opened, billing)] });
  await rig.client().emit('order.placed', 'held');
  await eventually(async () => expect(await rig.queue(LIST).held()).toBe(1));
}

async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('a group with a maxLength', () => {
  test('has an emit refused that finds its list full', async () => {
    const gate = new Gate();
    await serve({ maxLength: 1 }, gate);
    const client = rig.client();
    expect(await client.emit('order.placed', 1)).toMatchObject({ groups: 1 });

    const error = await failureOf(client.emit('order.placed', 2));

    expect(error).toBeInstanceOf(QueueFullError);
    expect(error).toMatchObject({ queue: LIST, length: 1, maxLength: 1 });
    gate.open();
  });

  test('lets an emit wait for room', async () => {
    const gate = new Gate();
    await serve({ maxLength: 1 }, gate);
    const client = rig.client();
    await client.emit('order.placed', 1);

    const calls = client.emitMany('order.placed', [2, 3, 4], { waitForRoomMs: 60_000 });
    gate.open();

    expect((await calls).map(({ groups }) => groups)).toEqual([1, 1, 1]);
  });

  test("drops its copies with onFull: 'drop', and the admin counts them", async () => {
    const gate = new Gate();
    await serve({ maxLength: 1, onFull: 'drop' }, gate);
    const client = rig.client();

    const results = await client.emitMany('order.placed', [1, 2, 3]);

    expect(results.map(({ groups }) => groups)).toEqual([1, 0, 0]);
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    expect(await admin.lengths(LIST)).toMatchObject({ copiesDropped: 2, maxLength: 1, waiting: 1 });
    const { queues } = await admin.overview([LIST]);
    expect(queues).toMatchObject([{ copiesDropped: 2, maxLength: 1 }]);
    gate.open();
  });
});

describe('the option onFull', () => {
  const handler = (options: object): Type =>
    eventControllerOf('order.placed', () => undefined, options);

  test.each([
    [
      { group: 'billing', onFull: 'drop' },
      'onFull says what happens beyond maxLength: give that too',
    ],
    [
      { group: 'billing', maxLength: 1, onFull: 'wait' },
      `onFull must be 'refuse' or 'drop', got "wait"`,
    ],
    [{ maxLength: 1, onFull: 'drop' }, 'hears live events'],
  ])('is checked: %j', async (options, text) => {
    await expect(rig.serve({ controllers: [handler(options)] })).rejects.toThrow(text);
  });

  test('is for groups', async () => {
    @Controller()
    class MessageController {
      @MessagePattern('work', { maxLength: 1, onFull: 'drop' })
      work(): void {
        return undefined;
      }
    }
    await expect(rig.serve({ controllers: [MessageController] })).rejects.toThrow(
      'onFull is for events',
    );
    await expect(rig.serve({ controllers: [handler({ onFull: 'drop' })] })).rejects.toThrow(
      'onFull',
    );
  });
});
