import { describe, expect, jest, test } from '@jest/globals';
import { InvalidOptionError, RedisQueueClient } from 'nestjs-redis-queue-transport';
import type { NotReplicatedError, RedisQueueReplicas } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventControllerOf } from '../e2e/events/controller.js';
import { failoverRig } from '../support/failover-rig.js';

const rig = failoverRig({ replicas: 2, sentinels: 0 });
jest.setTimeout(60_000);

const SOON: RedisQueueReplicas = { count: 2, timeoutMs: 300 };

function freezeReplica(): void {
  const [replica] = rig.servers.replicas;
  replica?.redis.pause();
  rig.closeLater({ close: () => replica?.redis.resume() });
}

async function waits(): Promise<number> {
  const { cmdstat_wait: stat = '' } = await rig.servers.primary.info('commandstats');
  return Number(/calls=(\d+)/.exec(stat)?.[1] ?? 0);
}

describe('waitForReplicas', () => {
  test('resolves calls once the replicas have the messages, and waits once for all of a turn', async () => {
    const client = rig.client({ waitForReplicas: { count: 2, timeoutMs: 4_000 } });
    await client.enqueue('work', 'first');
    const before = await waits();

    await Promise.all(Array.from({ length: 200 }, (_, n) => client.enqueue('work', n)));

    expect((await waits()) - before).toBeLessThanOrEqual(2);
    for (const replica of rig.servers.replicas)
      expect(await replica.commands.llen(`${rig.prefix}:{work}:waiting`)).toBe(201);
  });

  test('rejects what Redis holds and too few replicas have, and sent again it is held once', async () => {
    const client = rig.client({ waitForReplicas: SOON });
    const many = { id: 'once', deduplicateMs: 60_000 };
    freezeReplica();

    const refusal: Partial<NotReplicatedError> = {
      code: 'NOT_REPLICATED',
      messageId: 'once',
      replicas: 1,
      wanted: 2,
    };
    await expect(client.enqueue('work', 1, many)).rejects.toMatchObject(refusal);
    // Also if Redis adds nothing now.
    await expect(client.enqueue('work', 1, many)).rejects.toMatchObject(refusal);
    await expect(client.enqueueMany('work', [1, 2])).rejects.toMatchObject({
      code: 'INCOMPLETE',
      failures: [{ error: { code: 'NOT_REPLICATED' } }, { error: { code: 'NOT_REPLICATED' } }],
    });

    rig.servers.replicas[0]?.redis.resume();
    const patient = rig.client({ waitForReplicas: { count: 2, timeoutMs: 4_000 } });
    expect(await patient.enqueue('work', 1, many)).toEqual({ id: 'once', isDuplicate: true });
    expect(await rig.commands.llen(`${rig.prefix}:{work}:waiting`)).toBe(3);
  });

  test('holds for events with copies, and not for live events and requests', async () => {
    const heard: unknown[] = [];
    await rig.serve({
      controllers: [
        controllerOf('ask', (data) => data),
        eventControllerOf('kept', () => undefined, { group: 'g' }),
        eventControllerOf('live', (data) => heard.push(data)),
      ],
    });
    const client = rig.client({ waitForReplicas: SOON });
    freezeReplica();

    await expect(client.emit('kept', 1)).rejects.toMatchObject({
      code: 'NOT_REPLICATED',
      replicas: 1,
    });
    expect(await firstValueFrom(client.emit('live', 1))).toMatchObject({ listeners: 1 });
    expect(await firstValueFrom(client.send('ask', 'what'))).toBe('what');
  });

  test('holds for large bodies, which have a connection of their own', async () => {
    const client = rig.client({ waitForReplicas: SOON });
    const large = 'x'.repeat(100_000);
    await client.enqueue('work', large);
    freezeReplica();
    await expect(client.enqueue('work', large)).rejects.toMatchObject({ replicas: 1 });
  });

  test('says so if Redis may not be asked', async () => {
    await rig.commands.call(
      'ACL',
      'SETUSER',
      'mute',
      'reset',
      'on',
      '>pw',
      '~*',
      '&*',
      '+@all',
      '-wait',
    );
    rig.closeLater({ close: () => rig.commands.call('ACL', 'DELUSER', 'mute') });
    const connection = `redis://mute:pw@127.0.0.1:${rig.redis.port}`;
    const client = rig.client({ connection, waitForReplicas: SOON });
    await expect(client.enqueue('work', 1)).rejects.toMatchObject({
      code: 'NOT_REPLICATED',
      replicas: undefined,
      message: expect.stringMatching(/NOPERM/) as unknown,
    });
  });

  test.each<[unknown, RegExp]>([
    [2, /waitForReplicas must be .*got 2/],
    [{}, /waitForReplicas must be an object that has count/],
    [{ count: 0 }, /waitForReplicas\.count must be .*got 0/],
    [{ count: 1, timeoutMs: 5_000 }, /waitForReplicas\.timeoutMs must be .*4000.*got 5000/],
    [{ count: 1, timeout: 1 }, /timeoutMs/],
  ])('refuses %j', (waitForReplicas, message) => {
    const open = (): unknown =>
      new RedisQueueClient({ waitForReplicas } as ConstructorParameters<
        typeof RedisQueueClient
      >[0]);
    expect(open).toThrow(InvalidOptionError);
    expect(open).toThrow(message);
  });
});
