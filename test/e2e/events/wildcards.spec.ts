import { describe, expect, test } from '@jest/globals';
import { InvalidPatternError } from 'nestjs-redis-queue-transport';
import type { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();

/** What the context says about where an event came from, with its data. */
function noting(heard: string[], who: string) {
  return (data: unknown, context: RedisQueueContext): unknown =>
    heard.push(`${who}: ${context.getPattern()} by ${context.getQueue()} ${String(data)}`);
}

describe('a wildcard handler', () => {
  test('hears live events that match, and its context knows the concrete pattern', async () => {
    const heard: string[] = [];
    await rig.serve({
      controllers: [
        eventControllerOf('order.*', noting(heard, 'one')),
        eventControllerOf('order.#', noting(heard, 'all')),
        eventControllerOf('order.placed', noting(heard, 'exact')),
      ],
    });
    const client = rig.client();

    expect(await lastValueFrom(client.emit('order.placed', 1))).toMatchObject({ listeners: 3 });
    expect(await lastValueFrom(client.emit('order.line.added', 2))).toMatchObject({ listeners: 1 });

    await eventually(() =>
      expect(heard.toSorted()).toEqual([
        'all: order.line.added by order.# 2',
        'all: order.placed by order.# 1',
        'exact: order.placed by order.placed 1',
        'one: order.placed by order.* 1',
      ]),
    );
  });

  test('that is durable gets a copy of every event that matches, with retries', async () => {
    const heard: string[] = [];
    let hasFailed = false;
    const failOnce = (data: unknown, context: RedisQueueContext): void => {
      noting(heard, `attempt ${context.getAttempt()}`)(data, context);
      if (hasFailed) return;
      hasFailed = true;
      throw new Error('the first time');
    };
    const options = { group: 'audit', concurrency: 1, retry: { delayMs: 0 } };
    await rig.serve({ controllers: [eventControllerOf('order.#', failOnce, options)] });
    const client = rig.client();

    for (const pattern of ['order', 'order.placed', 'order.line.added', 'stock.gone'])
      await lastValueFrom(client.emit(pattern, 'x'));

    await eventually(() => expect(heard).toHaveLength(4));
    expect(heard.toSorted()).toEqual([
      'attempt 1: order by @audit/order.# x',
      'attempt 1: order.line.added by @audit/order.# x',
      'attempt 1: order.placed by @audit/order.# x',
      'attempt 2: order by @audit/order.# x',
    ]);
  });

  test('of the same group as a handler of the exact pattern gets a delivery of its own', async () => {
    const heard: string[] = [];
    await rig.serve({
      controllers: [
        eventControllerOf('order.*', noting(heard, 'any'), { group: 'billing' }),
        eventControllerOf('order.placed', noting(heard, 'exact'), { group: 'billing' }),
      ],
    });

    const result = await lastValueFrom(rig.client().emit('order.placed', 1));

    expect(result).toMatchObject({ groups: 1 });
    await eventually(() =>
      expect(heard.toSorted()).toEqual([
        'any: order.placed by @billing/order.* 1',
        'exact: order.placed by @billing/order.placed 1',
      ]),
    );
  });

  test('gets the JSON of an object as a pattern, which no wildcard matches', async () => {
    const heard: string[] = [];
    await rig.serve({
      controllers: [eventControllerOf('#', noting(heard, 'all'), { group: 'audit' })],
    });
    const client = rig.client();

    await lastValueFrom(client.emit({ order: '*' }, 1));
    await lastValueFrom(client.emit('order "1" 注文', 2));

    await eventually(() => expect(heard).toEqual(['all: order "1" 注文 by @audit/# 2']));
  });
});

describe('an event with a wildcard as its pattern', () => {
  test.each(['order.*', '#', '*.placed', 'order.#.late'])('%s is refused', async (pattern) => {
    const call = lastValueFrom(rig.client().emit(pattern, 1));
    await expect(call).rejects.toThrow(InvalidPatternError);
    await expect(call).rejects.toMatchObject({ pattern });
  });

  test('is accepted if the sign is part of a segment', async () => {
    const result = await lastValueFrom(rig.client().emit('order.a*', 1));
    expect(result).toMatchObject({ listeners: 0 });
  });
});
