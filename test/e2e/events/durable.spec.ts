import { describe, expect, test } from '@jest/globals';
import {
  DeadLetter,
  InvalidOptionError,
  InvalidPatternError,
  NobodyListensError,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();

const PATTERN = 'order.placed';
const DURABLE = { group: 'billing' };

describe('a durable event', () => {
  test('is handled by one replica of each group, and heard live by every replica', async () => {
    const heard: string[] = [];
    const note =
      (who: string) =>
      (data: unknown): unknown =>
        heard.push(`${who} ${String(data)}`);
    for (const replica of ['1', '2']) {
      await rig.serve(
        {
          controllers: [
            eventControllerOf(PATTERN, note('billing'), { group: 'billing' }),
            eventControllerOf(PATTERN, note('mail'), { durable: true }),
            eventControllerOf(PATTERN, note(`live${replica}`)),
          ],
        },
        { group: 'mail' },
      );
    }

    const result = await lastValueFrom(rig.client().emit(PATTERN, 'a'));

    expect(result).toMatchObject({ groups: 2, listeners: 2, isDuplicate: false });
    const expected = ['billing a', 'live1 a', 'live2 a', 'mail a'];
    await eventually(() => expect(heard.toSorted()).toEqual(expected));
    await eventually(async () => expect(await rig.queue('@billing/order.placed').held()).toBe(0));
    expect(heard.toSorted()).toEqual(expected);
  });

  test('is handled when its group comes back', async () => {
    const heard: unknown[] = [];
    const controllers = [eventControllerOf(PATTERN, (data) => heard.push(data), DURABLE)];
    const first = await rig.serve({ controllers });
    await first.close();

    expect(await lastValueFrom(rig.client().emit(PATTERN, 'a'))).toMatchObject({ groups: 1 });
    expect(heard).toEqual([]);

    await rig.serve({ controllers });
    await eventually(() => expect(heard).toEqual(['a']));
  });

  test('knows its group and its pattern in its handler', async () => {
    const contexts: RedisQueueContext[] = [];
    const handle = (_: unknown, context: RedisQueueContext): unknown => contexts.push(context);
    await rig.serve({ controllers: [eventControllerOf(PATTERN, handle, DURABLE)] });
    const record = new RedisQueueRecordBuilder({}).id('e-1').headers({ tenant: 'acme' }).build();

    await lastValueFrom(rig.client().emit(PATTERN, record));

    await eventually(() => expect(contexts).toHaveLength(1));
    const context = contexts[0]!;
    expect(context.getPattern()).toBe(PATTERN);
    expect(context.getQueue()).toBe('@billing/order.placed');
    expect(context.getMessageId()).toBe('e-1');
    expect(context.getHeaders()).toEqual({ tenant: 'acme' });
    expect(context.getAttempt()).toBe(1);
  });

  test('is tried again, and finally dead-lettered, for one group alone', async () => {
    const attempts: number[] = [];
    const mailed: unknown[] = [];
    const fail = (_: unknown, context: RedisQueueContext): never => {
      attempts.push(context.getAttempt());
      if (context.getAttempt() < 3) throw new Error('not yet');
      throw new DeadLetter('useless');
    };
    await rig.serve({
      controllers: [
        eventControllerOf(PATTERN, fail, { group: 'billing', retry: { delayMs: 1 } }),
        eventControllerOf(PATTERN, (data) => mailed.push(data), { group: 'mail' }),
      ],
    });

    await lastValueFrom(rig.client().emit(PATTERN, 'a'));

    await eventually(async () =>
      expect(await rig.queue('@billing/order.placed').dead()).toMatchObject([
        { header: { pattern: PATTERN, attempt: 3 }, dead: { reason: 'rejected' }, body: '"a"' },
      ]),
    );
    expect(attempts).toEqual([1, 2, 3]);
    expect(mailed).toEqual(['a']);
    expect(await rig.queue('@mail/order.placed').dead()).toEqual([]);
  });

  test('goes to each group once if it is sent again with its id', async () => {
    const heard: unknown[] = [];
    await rig.serve({
      controllers: [
        eventControllerOf(PATTERN, (data) => heard.push(data), { group: 'billing' }),
        eventControllerOf(PATTERN, (data) => heard.push(data), { group: 'mail' }),
      ],
    });
    const client = rig.client();
    const once = (): object =>
      new RedisQueueRecordBuilder('a').id('e-1').deduplicate(60_000).build();

    expect(await lastValueFrom(client.emit(PATTERN, once()))).toMatchObject({ isDuplicate: false });
    expect(await lastValueFrom(client.emit(PATTERN, once()))).toEqual({
      id: 'e-1',
      groups: 0,
      listeners: 0,
      isDuplicate: true,
      historyId: undefined,
    });
    await lastValueFrom(client.emit(PATTERN, 'b'));

    await eventually(() => expect(heard.toSorted()).toEqual(['a', 'a', 'b', 'b']));
  });

  test('whose time is over is counted and not handled', async () => {
    const heard: unknown[] = [];
    const client = rig.client({ declare: { [PATTERN]: { groups: ['billing'] } } });
    const short = new RedisQueueRecordBuilder('late').expiresIn(1).build();
    await lastValueFrom(client.emit(PATTERN, short));
    await lastValueFrom(client.emit(PATTERN, 'in time'));
    const [element = ''] = await rig.queue('@billing/order.placed').waiting();
    const { expiresAt } = JSON.parse(element.split('\n')[0]!) as { expiresAt: number };
    await eventually(async () => {
      const [seconds, microseconds] = await rig.commands.time();
      expect(Number(seconds) * 1_000 + Number(microseconds) / 1_000).toBeGreaterThan(expiresAt + 1);
    });

    await rig.serve({
      controllers: [eventControllerOf(PATTERN, (data) => heard.push(data), DURABLE)],
    });

    await eventually(() => expect(heard).toEqual(['in time']));
    await eventually(async () =>
      expect(await rig.queue('@billing/order.placed').expired()).toBe(1),
    );
  });

  test('may be enqueued to one group alone', async () => {
    const heard: unknown[] = [];
    await rig.serve({
      controllers: [eventControllerOf(PATTERN, (data) => heard.push(data), DURABLE)],
    });

    await lastValueFrom(rig.client().enqueue('@billing/order.placed', 'once more'));

    await eventually(() => expect(heard).toEqual(['once more']));
  });
});

describe('a declared group', () => {
  test('gets copies before it first starts, if a client declares it', async () => {
    const heard: unknown[] = [];
    const client = rig.client({ declare: { [PATTERN]: { groups: ['billing', 'mail'] } } });
    expect(await lastValueFrom(client.emit(PATTERN, 'early'))).toMatchObject({ groups: 2 });

    await rig.serve({
      controllers: [eventControllerOf(PATTERN, (data) => heard.push(data), DURABLE)],
    });

    await eventually(() => expect(heard).toEqual(['early']));
  });

  test('gets copies before it first starts, if a server declares it', async () => {
    await rig.serve({}, { declare: { [PATTERN]: { groups: ['billing'] } } });

    expect(await lastValueFrom(rig.client().emit(PATTERN, 'a'))).toMatchObject({ groups: 1 });
  });
});

describe('a mandatory event', () => {
  const mandatory = (): object => new RedisQueueRecordBuilder('a').id('e-1').mandatory().build();

  test('that nobody hears is an error that names the pattern', async () => {
    const call = lastValueFrom(rig.client().emit(PATTERN, mandatory()));

    await expect(call).rejects.toThrow(NobodyListensError);
    await expect(call).rejects.toMatchObject({
      code: 'NOBODY_LISTENS',
      pattern: PATTERN,
      messageId: 'e-1',
    });
  });

  test('that a group will get, or a replica hears, is not an error', async () => {
    const client = rig.client();
    await rig.serve({ controllers: [eventControllerOf('order.seen', () => undefined)] });
    await rig.serve({}, { declare: { [PATTERN]: { groups: ['billing'] } } });

    expect(await lastValueFrom(client.emit('order.seen', mandatory()))).toMatchObject({
      listeners: 1,
    });
    expect(await lastValueFrom(client.emit(PATTERN, mandatory()))).toMatchObject({ groups: 1 });
  });
});

describe('a handler that cannot get its events is refused at the start', () => {
  const handle = (): void => undefined;

  async function errorAtStart(
    parts: Parameters<typeof rig.serve>[0],
    options: Parameters<typeof rig.serve>[1] = {},
  ): Promise<unknown> {
    return rig.serve(parts, options).catch((error: unknown) => error);
  }

  test('if it is durable and the server has no group', async () => {
    const error = await errorAtStart({
      controllers: [eventControllerOf(PATTERN, handle, { durable: true })],
    });
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'durable' });
  });

  test('if another one has the same group and pattern', async () => {
    const controllers = [1, 2].map(() => eventControllerOf(PATTERN, handle, DURABLE));
    const error = await errorAtStart({ controllers });
    expect(error).toBeInstanceOf(InvalidPatternError);
    expect(String(error)).toMatch(/Give each handler a group of its own/);
  });

  test.each([
    ['a group with a separator', { group: 'a/b' }, 'group'],
    ['a group that is not durable', { group: 'a', durable: false }, 'durable'],
    ['a history without a limit', { history: {} }, 'history'],
    ['an invalid beginning', { group: 'a', from: 'yesterday' }, 'from'],
    ['a beginning without a group', { from: 'earliest' }, 'from'],
  ])('if it has %s', async (_, options, option) => {
    const error = await errorAtStart({
      controllers: [eventControllerOf(PATTERN, handle, options)],
    });
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option });
  });

  test.each(['order.*', '#', '@billing/order.placed'])(
    'if it is for messages of %s',
    async (pattern) => {
      const error = await errorAtStart({ controllers: [controllerOf(pattern, handle)] });
      expect(error).toBeInstanceOf(InvalidPatternError);
      expect(error).toMatchObject({ pattern });
    },
  );

  test('if its pattern has a # in the middle', async () => {
    const error = await errorAtStart({ controllers: [eventControllerOf('a.#.b', handle)] });
    expect(error).toBeInstanceOf(InvalidPatternError);
  });
});
