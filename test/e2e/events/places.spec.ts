import { beforeEach, describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { EmitResult, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { MemoryStore } from 'nestjs-redis-queue-transport/testing';
import { finalize, interval, lastValueFrom, take, toArray } from 'rxjs';
import type { Observable } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();

const PATTERN = 'order.placed';
let letGo = 0;

@Controller()
class TicksController {
  @MessagePattern('ticks')
  ticks(): Observable<number> {
    return interval(1).pipe(finalize(() => (letGo += 1)));
  }
}

describe.each(['Redis', 'a store in memory'])('with %s', (place) => {
  let connection: string | MemoryStore;

  beforeEach(() => {
    letGo = 0;
    connection = place === 'Redis' ? rig.redis.url : new MemoryStore();
  });

  function client(): RedisQueueClient {
    return rig.client({ connection, declare: { [PATTERN]: { history: { maxLength: 10 } } } });
  }

  function emit(by: RedisQueueClient, data: unknown): Promise<EmitResult> {
    return lastValueFrom(by.emit(PATTERN, data));
  }

  test('groups, live listeners and wildcards each get an event once, and a new group what is kept', async () => {
    const heard = { billing: [], live: [], wild: [], late: [] } as Record<string, unknown[]>;
    const on = (
      name: string,
      pattern: string,
      options = {},
    ): ReturnType<typeof eventControllerOf> =>
      eventControllerOf(pattern, (data) => heard[name]?.push(data), options);
    await rig.serve(
      {
        controllers: [
          on('billing', PATTERN, { group: 'billing' }),
          on('live', PATTERN),
          on('wild', 'order.*'),
        ],
      },
      { connection },
    );
    const emitter = client();

    expect(await emit(emitter, 1)).toMatchObject({ groups: 1, listeners: 2 });
    const controllers = [on('late', PATTERN, { group: 'late', from: 'earliest' })];
    await rig.serve({ controllers }, { connection });
    expect(await emit(emitter, 2)).toMatchObject({ groups: 2, listeners: 2 });

    await eventually(() =>
      expect(heard).toEqual({ billing: [1, 2], live: [1, 2], wild: [1, 2], late: [1, 2] }),
    );
  });

  test('a handler that fails is tried again, dead-lettered, redriven, and its event replayed', async () => {
    let isBroken = true;
    const heard: unknown[] = [];
    const handle = (data: unknown): void => {
      if (isBroken) throw new Error('broken');
      heard.push(data);
    };
    const retry = { attempts: 2, delayMs: 1 };
    const controllers = [eventControllerOf(PATTERN, handle, { group: 'billing', retry })];
    await rig.serve({ controllers }, { connection });
    await emit(client(), 'a');
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions({ connection })));
    const queue = `@billing/${PATTERN}`;
    await eventually(async () => expect((await admin.lengths(queue)).dead).toBe(1));

    isBroken = false;
    await admin.redriveAll(queue);
    await eventually(() => expect(heard).toEqual(['a']));
    expect(await admin.replay(PATTERN, 'billing')).toBe(1);
    await eventually(() => expect(heard).toEqual(['a', 'a']));
  });

  test('a handler stops emitting once its caller has enough of a stream', async () => {
    rig.mayRemain(/:refused$/);
    await rig.serve({ controllers: [TicksController] }, { connection });
    const ticks = client().send<number>('ticks', {});
    expect(await lastValueFrom(ticks.pipe(take(3), toArray()))).toEqual([0, 1, 2]);
    await eventually(() => expect(letGo).toBe(1));
  });
});
