import { describe, expect, test } from '@jest/globals';
import { InvalidOptionError, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { EmitResult, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { nestRig } from '../../support/nest-rig.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();

const PATTERN = 'order.placed';
const HISTORY = { maxLength: 10 };

function admin(): RedisQueueAdmin {
  return rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
}

/** A client that has kept these two events, and knows the history. */
async function keeping(): Promise<RedisQueueClient> {
  const client = rig.client({ declare: { [PATTERN]: { history: HISTORY } } });
  for (const data of ['a', 'b']) await emit(client, data);
  return client;
}

function emit(client: RedisQueueClient, data: unknown): Promise<EmitResult> {
  return lastValueFrom(client.emit(PATTERN, data));
}

async function kept(): Promise<unknown[]> {
  const { events } = await admin().history(PATTERN);
  return events.map(({ number, data }) => `${number} ${String(data)}`);
}

describe('a history that was ended', () => {
  test('gets nothing more, even from clients that knew it, and its events are dropped', async () => {
    const client = await keeping();

    expect(await admin().endHistory(PATTERN, { entries: 'drop' })).toEqual({
      wasThere: true,
      dropped: 2,
    });

    expect((await emit(client, 'c')).historyId).toBeUndefined();
    expect(await kept()).toEqual([]);
    expect((await admin().groups()).histories).toEqual([]);
    expect(await admin().endHistory(PATTERN, { entries: 'drop' })).toEqual({
      wasThere: false,
      dropped: 0,
    });
  });

  test('keeps its events if asked to: they can be read and replayed, and dropped later', async () => {
    const client = await keeping();
    await admin().declare(PATTERN, { groups: ['billing'] });

    expect(await admin().endHistory(PATTERN, { entries: 'keep' })).toEqual({
      wasThere: true,
      dropped: 0,
    });

    expect((await emit(client, 'c')).historyId).toBeUndefined();
    expect(await kept()).toEqual(['1 a', '2 b']);
    await admin().purge(`@billing/${PATTERN}`);
    expect(await admin().replay(PATTERN, 'billing')).toBe(2);
    expect(await admin().endHistory(PATTERN, { entries: 'drop' })).toEqual({
      wasThere: false,
      dropped: 2,
    });
    expect(await kept()).toEqual([]);
    await expect(admin().replay(PATTERN, 'billing')).rejects.toThrow(InvalidOptionError);
  });

  test.each([
    ['drop', ['3 c']],
    ['keep', ['1 a', '2 b', '3 c']],
  ] as const)('with %s, and declared again, continues its numbers', async (entries, after) => {
    const client = await keeping();
    await admin().endHistory(PATTERN, { entries });
    await admin().declare(PATTERN, { history: HISTORY });
    await emit(client, 'c');
    expect(await kept()).toEqual(after);
  });

  test('does not affect others', async () => {
    const client = await keeping();
    await admin().declare('order.*', { groups: ['billing'], history: HISTORY });
    await admin().endHistory('order.*', { entries: 'drop' });

    expect(await emit(client, 'c')).toMatchObject({ groups: 1 });
    expect(await kept()).toEqual(['1 a', '2 b', '3 c']);
  });

  test('is declared again by the next start of a server with a handler for it', async () => {
    const controllers = [eventControllerOf(PATTERN, () => undefined, { history: HISTORY })];
    await rig.serve({ controllers });
    await admin().endHistory(PATTERN, { entries: 'drop' });
    const client = rig.client();
    expect((await emit(client, 'a')).historyId).toBeUndefined();

    await rig.serve({ controllers });

    expect((await emit(client, 'b')).historyId).toBeDefined();
  });

  test('requires a decision about its events', async () => {
    const ending = admin().endHistory(PATTERN, {} as { entries: 'drop' });
    await expect(ending).rejects.toThrow(InvalidOptionError);
    await expect(ending).rejects.toMatchObject({ option: 'entries' });
  });

  test('stays as it is if its key belongs to another program', async () => {
    await admin().declare(PATTERN, { history: HISTORY });
    await rig.commands.set(`${rig.prefix}:{${PATTERN}}:history`, 'foreign');
    await expect(admin().endHistory(PATTERN, { entries: 'drop' })).rejects.toMatchObject({
      reply: 'WRONGTYPE',
    });
    expect((await admin().groups()).histories).toEqual([{ pattern: PATTERN, ...HISTORY }]);
  });
});
