import { describe, expect, test } from '@jest/globals';
import {
  InvalidOptionError,
  InvalidPatternError,
  RedisQueueAdmin,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();

const PATTERN = 'order.placed';

function admin(): RedisQueueAdmin {
  return rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
}

describe('the admin', () => {
  test('shows groups, wildcards with listeners, and histories', async () => {
    await rig.serve({
      controllers: [
        eventControllerOf(PATTERN, () => undefined, { group: 'billing' }),
        eventControllerOf('order.#', () => undefined, { history: { maxAgeMs: 60_000 } }),
        eventControllerOf('stock.gone', () => undefined),
      ],
    });
    await admin().declare('order.*', { groups: ['audit'] });

    expect(await admin().groups()).toEqual({
      groups: [
        { group: 'audit', pattern: 'order.*', queue: '@audit/order.*' },
        { group: 'billing', pattern: PATTERN, queue: '@billing/order.placed' },
      ],
      wildcards: ['order.#'],
      histories: [{ pattern: 'order.#', maxAgeMs: 60_000 }],
    });
    expect(await admin().queues()).toEqual(['@audit/order.*', '@billing/order.placed']);
  });

  test('accepts a pattern and a group in place of the name of their queue', async () => {
    await admin().declare(PATTERN, { groups: ['billing'] });
    await rig.client().emit(PATTERN, 1);
    const queue = { pattern: PATTERN, group: 'billing' };

    expect(await admin().lengths(queue)).toEqual(await admin().lengths('@billing/order.placed'));
    expect(await admin().peek(queue)).toHaveLength(1);
    expect(await admin().purge(queue)).toBe(1);
    const calls = [{ pattern: PATTERN, group: 'a b' }, { cmd: 'sum' }];
    for (const wrong of calls)
      await expect(
        Promise.resolve().then(() => admin().lengths(wrong as { pattern: string; group: string })),
      ).rejects.toThrow(InvalidOptionError);
  });

  test('declares groups of any pattern, and refuses invalid names', async () => {
    await admin().declare(PATTERN, { groups: ['billing', 'mail'] });
    expect(await lastValueFrom(rig.client().emit(PATTERN, 1))).toMatchObject({ groups: 2 });
    await expect(admin().declare(PATTERN, { groups: ['a b'] })).rejects.toThrow(InvalidOptionError);
    await expect(admin().declare(PATTERN, { history: {} })).rejects.toThrow(InvalidOptionError);
    await expect(admin().declare('a.#.b', { groups: ['a'] })).rejects.toThrow(InvalidPatternError);
  });

  test('retires a group: it gets nothing more, and its waiting events are dropped', async () => {
    const client = rig.client({ declare: { [PATTERN]: { groups: ['billing', 'mail'] } } });
    await lastValueFrom(client.emit(PATTERN, 1));
    await lastValueFrom(client.emit(PATTERN, 2));

    expect(await admin().retire(PATTERN, 'billing', { waiting: 'drop' })).toEqual({
      wasThere: true,
      dropped: 2,
    });

    expect(await lastValueFrom(client.emit(PATTERN, 3))).toMatchObject({ groups: 1 });
    expect(await rig.queue('@billing/order.placed').waiting()).toEqual([]);
    expect(await rig.queue('@mail/order.placed').waiting()).toHaveLength(3);
    expect(await admin().queues()).toEqual(['@mail/order.placed']);
    expect(await admin().retire(PATTERN, 'billing', { waiting: 'drop' })).toEqual({
      wasThere: false,
      dropped: 0,
    });
  });

  test('retires a group but keeps its waiting events, which its handler can still get', async () => {
    const client = rig.client({ declare: { [PATTERN]: { groups: ['billing'] } } });
    await lastValueFrom(client.emit(PATTERN, 1));

    expect(await admin().retire(PATTERN, 'billing', { waiting: 'keep' })).toEqual({
      wasThere: true,
      dropped: 0,
    });

    expect(await lastValueFrom(client.emit(PATTERN, 2))).toMatchObject({ groups: 0 });
    expect(await admin().peek('@billing/order.placed')).toMatchObject([{ data: 1 }]);
    const heard: unknown[] = [];
    await rig.serve({
      controllers: [eventControllerOf(PATTERN, (data) => heard.push(data), { group: 'billing' })],
    });
    await eventually(() => expect(heard).toEqual([1]));
  });

  test('requires a decision about waiting events', async () => {
    const retire = admin().retire(PATTERN, 'billing', {} as { waiting: 'drop' });
    await expect(retire).rejects.toThrow(InvalidOptionError);
    await expect(retire).rejects.toMatchObject({ option: 'waiting' });
  });

  test('declares nothing for a pattern that no event can have', async () => {
    await expect(admin().declare('', { groups: ['billing'] })).rejects.toMatchObject({
      code: 'INVALID_PATTERN',
      message: 'A pattern must not be empty.',
    });
    expect(() => rig.client({ declare: { '': { groups: ['billing'] } } })).toThrow(
      'A pattern must not be empty.',
    );
  });

  test('forgets a wildcard that nobody listens to any more', async () => {
    const app = await rig.serve({ controllers: [eventControllerOf('order.*', () => undefined)] });
    await app.close();
    expect((await admin().groups()).wildcards).toEqual(['order.*']);

    expect(await admin().forgetListeners('order.*')).toBe(true);
    expect(await admin().forgetListeners('order.*')).toBe(false);

    expect((await admin().groups()).wildcards).toEqual([]);
  });
});
