import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { InvalidMessageException } from '@nestjs/microservices/errors/invalid-message.exception.js';
import {
  RedisQueueContext,
  RedisQueueRecordBuilder,
  UnencodableError,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** Collects what it handled. */
function listController(handled: unknown[]): Type {
  @Controller()
  class ListController {
    @MessagePattern('mail.send')
    send(data: unknown): void {
      handled.push(data);
    }
  }
  return ListController;
}

describe('an enqueued message', () => {
  test('is handled by exactly one of two servers', async () => {
    const handledByFirst: number[] = [];
    const handledBySecond: number[] = [];
    await rig.serve({ controllers: [listController(handledByFirst)] });
    await rig.serve({ controllers: [listController(handledBySecond)] });
    const client = rig.client();
    const numbers = Array.from({ length: 100 }, (_, index) => index);

    for (const number of numbers) await lastValueFrom(client.enqueue('mail.send', number));

    const handled = (): number[] => [...handledByFirst, ...handledBySecond];
    await eventually(() => expect(handled()).toHaveLength(100));
    expect(handled().sort((a, b) => a - b)).toEqual(numbers);
    expect(handledByFirst.length).toBeGreaterThan(0);
    expect(handledBySecond.length).toBeGreaterThan(0);
    await eventually(async () => expect(await rig.queue('mail.send').held()).toBe(0));
  });

  test('is held while no server is up, and handled by the next one', async () => {
    const handled: unknown[] = [];
    const client = rig.client();
    for (const name of ['a', 'b', 'c']) await lastValueFrom(client.enqueue('mail.send', name));
    expect(await rig.queue('mail.send').waiting()).toHaveLength(3);

    await rig.serve({ controllers: [listController(handled)] }, { concurrency: 1 });

    await eventually(() => expect(handled).toEqual(['a', 'b', 'c']));
    expect(await rig.queue('mail.send').waiting()).toEqual([]);
  });

  test('is sent at once and only once, whether anybody subscribes or not', async () => {
    const handled: unknown[] = [];
    await rig.serve({ controllers: [listController(handled)] });
    const client = rig.client();

    client.enqueue('mail.send', 'nobody subscribes');
    await eventually(() => expect(handled).toEqual(['nobody subscribes']));
    const answer = client.enqueue('mail.send', 'two subscribe');
    const ids = await Promise.all([lastValueFrom(answer), firstValueFrom(answer)]);

    expect(ids[0].id).toBe(ids[1].id);
    await lastValueFrom(client.send('mail.send', 'last'), { defaultValue: undefined });
    expect(handled).toEqual(['nobody subscribes', 'two subscribe', 'last']);
  });

  test('of a connected client is sent as it was at the call', async () => {
    const client = rig.client();
    await client.connect();
    await lastValueFrom(client.enqueue('mail.send', { to: 'first' }));
    const mail = { to: 'a' };

    const sent = lastValueFrom(client.enqueue('mail.send', mail));
    mail.to = 'b';
    await sent;

    expect((await rig.queue('mail.send').waiting()).at(-1)).toContain('{"to":"a"}');
  });

  test('that could not be sent is logged if nobody subscribed', async () => {
    const client = rig.client();

    client.enqueue('mail.send', 1n);

    const failed = /enqueue to "mail.send" failed, and nothing handles the failure: .*BigInt/;
    await eventually(() => expect(rig.logs.matching('error', failed)).toHaveLength(1));
    const seen = client.enqueue('mail.send', 1n);
    await expect(lastValueFrom(seen)).rejects.toThrow(UnencodableError);
    expect(rig.logs.matching('error', failed)).toHaveLength(1);
  });

  test('without data is logged if nobody subscribed, and so is an event without data', async () => {
    const client = rig.client();

    client.enqueue('mail.send', undefined);
    client.enqueueMany('mail.send', [undefined]);
    client.emit('mail.sent', undefined);

    for (const what of [
      'enqueue to "mail.send"',
      'enqueueMany to "mail.send"',
      'emit of "mail.sent"',
    ]) {
      const failed = new RegExp(`${what} failed, and nothing handles the failure: .*invalid data`);
      await eventually(() => expect(rig.logs.matching('error', failed)).toHaveLength(1));
    }
  });

  test.each([
    ['pattern', undefined, 'data'],
    ['pattern', null, 'data'],
    ['data', 'mail.send', undefined],
    ['data', 'mail.send', null],
  ])('needs a %s (%p, %p), as Nest requires', async (_, pattern, data) => {
    const client = rig.client();

    await expect(lastValueFrom(client.enqueue(pattern, data))).rejects.toThrow(
      InvalidMessageException,
    );
    await expect(lastValueFrom(client.send(pattern, data))).rejects.toThrow(
      InvalidMessageException,
    );
    await expect(lastValueFrom(client.emit(pattern, data))).rejects.toThrow(
      InvalidMessageException,
    );
  });
});

describe('an element in Redis', () => {
  test('is a header line of JSON, a newline and the data as JSON', async () => {
    const { id } = await lastValueFrom(rig.client().enqueue('mail.send', { to: 'Ann "A" Ömer\n' }));

    const [element = ''] = await rig.queue('mail.send').waiting();
    const [header = '', body = '', ...rest] = element.split('\n');
    expect(JSON.parse(header)).toEqual({ rq: 1, id, at: expect.any(Number) as unknown });
    expect(JSON.parse(body)).toEqual({ to: 'Ann "A" Ömer\n' });
    expect(rest).toEqual([]);
  });

  test.each(['lpush', 'rpush'] as const)(
    'that another program pushed as plain JSON (%s) is handled',
    async (push) => {
      const contexts: RedisQueueContext[] = [];
      const handled: unknown[] = [];
      @Controller()
      class PlainController {
        @MessagePattern('plain')
        plain(@Payload() data: unknown, @Ctx() context: RedisQueueContext): void {
          handled.push(data);
          contexts.push(context);
        }
      }
      await rig.serve({ controllers: [PlainController] });

      await rig.commands[push](rig.queue('plain').waitingKey, '{"a":1}');
      await rig.commands[push](rig.queue('plain').waitingKey, '"text"');
      await rig.commands[push](rig.queue('plain').waitingKey, '[1,\n2]');

      await eventually(() => expect(handled).toHaveLength(3));
      expect(handled).toEqual(expect.arrayContaining([{ a: 1 }, 'text', [1, 2]]));
      expect(contexts[0]?.getMessageId()).toBeUndefined();
      expect(contexts[0]?.getSentAt()).toBeUndefined();
      expect(contexts[0]?.getHeaders()).toEqual({});
      expect(contexts[0]?.getAttempt()).toBe(1);
      await eventually(async () => expect(await rig.queue('plain').held()).toBe(0));
    },
  );

  test.each([
    ['not JSON', 'hello'],
    ['not text', Buffer.from([0xff, 0xfe, 0x00])],
    ['nothing', ''],
    ['with a header of a later version', '{"rq":2}\n{}'],
  ])('that is %s is dead-lettered, and the next one is handled', async (_, element) => {
    const handled: unknown[] = [];
    await rig.serve({ controllers: [listController(handled)] });
    const queue = rig.queue('mail.send');

    await rig.commands.rpush(queue.waitingKey, element, '"good"');

    await eventually(() => expect(handled).toEqual(['good']));
    await eventually(async () =>
      expect((await queue.dead()).map(({ dead }) => dead.reason)).toEqual(['undecodable']),
    );
  });
});

describe('the context', () => {
  test('knows what the record and the transport know of the message', async () => {
    const contexts: RedisQueueContext[] = [];
    @Controller()
    class ContextController {
      @MessagePattern('mail.send')
      send(@Payload() data: unknown, @Ctx() context: RedisQueueContext): unknown {
        contexts.push(context);
        return data;
      }
    }
    await rig.serve({ controllers: [ContextController] });
    const client = rig.client();
    const [seconds] = await rig.commands.time();
    const record = new RedisQueueRecordBuilder({ to: 'Ann' })
      .id('mail-17')
      .headers({ tenant: 'acme', 'x-ünïcode': '✓\n' })
      .headers({ trace: '1' })
      .build();

    const enqueued = await lastValueFrom(client.enqueue('mail.send', record));
    await eventually(() => expect(contexts).toHaveLength(1));
    const answered = await lastValueFrom(client.send<unknown>('mail.send', record));

    expect(enqueued.id).toBe('mail-17');
    expect(answered).toEqual({ to: 'Ann' });
    for (const context of contexts) {
      expect(context).toBeInstanceOf(RedisQueueContext);
      expect(context.getPattern()).toBe('mail.send');
      expect(context.getQueue()).toBe('mail.send');
      expect(context.getMessageId()).toBe('mail-17');
      expect(context.getAttempt()).toBe(1);
      expect(context.getHeaders()).toEqual({ tenant: 'acme', 'x-ünïcode': '✓\n', trace: '1' });
      expect(Math.abs(context.getSentAt()!.getTime() - Number(seconds) * 1_000)).toBeLessThan(
        5_000,
      );
      expect(context.getSignal()).toBeInstanceOf(AbortSignal);
      expect(context.getSignal().aborted).toBe(false);
      expect(context.getArgs()).toHaveLength(2);
    }
    expect(contexts).toHaveLength(2);
  });

  test('has a different id for each message if the sender gave none', async () => {
    const client = rig.client();
    const other = rig.client();
    const ids = new Set<string>();

    for (let n = 0; n < 10; n += 1) {
      ids.add((await lastValueFrom(client.enqueue('mail.send', n))).id);
      ids.add((await lastValueFrom(other.enqueue('mail.send', n))).id);
    }

    expect(ids.size).toBe(20);
  });
});
