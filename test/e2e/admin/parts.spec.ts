import { beforeEach, describe, expect, test } from '@jest/globals';
import { InvalidOptionError, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { queueKey } from '../../support/queue-dump.js';

const rig = nestRig();

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

/** Dead-letters the messages `m1` to `m<count>` in this order. Each has `bytes` bytes. */
async function leaveDead(count: number, bytes = 10): Promise<void> {
  const nowMs = Date.now();
  const pipeline = rig.commands.pipeline();
  for (let n = 1; n <= count; n += 1) {
    const at = nowMs - 1_000 * (count - n);
    const dead = JSON.stringify({ reason: 'rejected', at, attempt: 1, whole: true });
    const element = `{"rq":1,"dead":${dead}}\n{"rq":1,"id":"m${n}"}\n"${'x'.repeat(bytes)}"`;
    pipeline.xadd(queueKey(rig.prefix, 'work', 'dead'), `${n}-0`, 'element', element);
  }
  await pipeline.exec();
}

async function idsOf(page: object): Promise<(string | undefined)[]> {
  return (await admin.deadLetters('work', page)).letters.map(({ id }) => id);
}

describe('pages of dead letters', () => {
  test('go from the oldest to the newest, or the other way round', async () => {
    await leaveDead(5);

    const first = await admin.deadLetters('work', { newestFirst: true, limit: 2 });

    expect(first.letters.map(({ id }) => id)).toEqual(['m5', 'm4']);
    expect(await idsOf({ newestFirst: true, limit: 2, from: first.next })).toEqual(['m3', 'm2']);
    expect(await idsOf({ limit: 2 })).toEqual(['m1', 'm2']);
  });

  test('begin after `offset` entries, also when they start from an entry', async () => {
    await leaveDead(5);

    expect(await idsOf({ offset: 3 })).toEqual(['m4', 'm5']);
    expect(await idsOf({ offset: 3, newestFirst: true })).toEqual(['m2', 'm1']);
    expect(await idsOf({ from: '2-0', offset: 1, limit: 2 })).toEqual(['m3', 'm4']);
    expect(await idsOf({ offset: 5 })).toEqual([]);
    expect(await idsOf({ offset: 6 })).toEqual([]);
    await expect(admin.deadLetters('work', { offset: -1 })).rejects.toThrow(InvalidOptionError);
    const newestFirst = 'yes' as unknown as boolean;
    await expect(admin.deadLetters('work', { newestFirst })).rejects.toThrow(/newestFirst must be/);
  });

  test('begin after thousands, and after large ones', async () => {
    await leaveDead(2_500);
    expect(await idsOf({ offset: 2_400, limit: 1 })).toEqual(['m2401']);
    expect(await idsOf({ offset: 2_400, limit: 1, newestFirst: true })).toEqual(['m100']);

    await rig.commands.del(queueKey(rig.prefix, 'work', 'dead'));
    await leaveDead(30, 200_000);
    expect(await idsOf({ offset: 28 })).toEqual(['m29', 'm30']);
  });

  test("can be chosen by age, by Redis's clock", async () => {
    await leaveDead(5);

    expect(await admin.deleteDeadLetters('work', (_letter, ageMs) => ageMs >= 2_500)).toBe(2);

    expect(await idsOf({})).toEqual(['m3', 'm4', 'm5']);
  });
});

describe('purging a part', () => {
  test.each([false, true])(
    'removes the waiting or the delayed messages (parked: %p)',
    async (parks) => {
      const data = 'x'.repeat(5_000);
      const client = rig.client(
        parks
          ? { parkAboveBytes: 1_000, compressAboveBytes: false }
          : { compressAboveBytes: false },
      );
      const suspects = queueKey(rig.prefix, 'work', 'suspects');
      const fill = async (): Promise<void> => {
        await client.enqueue('work', data);
        await client.enqueue('work', data, { delayMs: 60_000 });
        await rig.commands.rpush(suspects, '{"rq":1,"crashes":1,"id":"s"}\n1');
      };
      await fill();

      expect(await admin.purge('work', { only: 'delayed' })).toBe(1);
      expect(await admin.lengths('work')).toMatchObject({ waiting: 1, suspects: 1, delayed: 0 });

      await client.enqueue('work', data, { delayMs: 60_000 });
      expect(await admin.purge('work', { only: 'waiting' })).toBe(2);
      expect(await admin.lengths('work')).toMatchObject({ waiting: 0, suspects: 0, delayed: 1 });

      expect(await admin.purge('work')).toBe(1);
      await eventually(async () =>
        expect(await rig.commands.exists(queueKey(rig.prefix, 'work', 'parked'))).toBe(0),
      );
    },
  );

  test('refuses an unknown part', async () => {
    const only = 'dead' as unknown as 'waiting';
    await expect(admin.purge('work', { only })).rejects.toThrow(
      `only must be 'waiting' or 'delayed', got "dead"`,
    );
  });
});
