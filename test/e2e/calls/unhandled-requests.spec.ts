import { expect, test } from '@jest/globals';
import { RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { Gate } from '../../support/gate.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

async function redisMs(): Promise<number> {
  const [seconds, microseconds] = await rig.commands.time();
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
}

/** Longer than a test may take, so only a reply can end the request in time. */
const PATIENT = { requestTimeoutMs: 60_000 };

test('a request with an id that was handled before is answered at once', async () => {
  const options = { once: { windowMs: 60_000 } };
  await rig.serve({ controllers: [controllerOf('sum', () => 6, { options })] });
  const client = rig.client(PATIENT);
  const request = new RedisQueueRecordBuilder([1, 2, 3]).id('same').build();
  expect(await lastValueFrom(client.send<number>('sum', request))).toBe(6);

  await expect(lastValueFrom(client.send('sum', request))).rejects.toMatchObject({
    code: 'NOT_HANDLED',
    reason: 'repeated',
    messageId: 'same',
  });
});

test('a request that expires before a handler is free is answered then', async () => {
  const busy = new Gate();
  const handled: unknown[] = [];
  const handle = (data: unknown): Promise<void> => {
    handled.push(data);
    return busy.opened;
  };
  await rig.serve({ controllers: [controllerOf('work', handle, { options: { concurrency: 1 } })] });
  const client = rig.client(PATIENT);
  await client.enqueue('work', 'first');
  await eventually(() => expect(handled).toEqual(['first']));
  const late = lastValueFrom(
    client.send('work', new RedisQueueRecordBuilder('late').expiresIn(50).build()),
  );
  late.catch(() => undefined);
  await eventually(async () => expect(await rig.queue('work').waiting()).toHaveLength(1));
  const held = await redisMs();
  await eventually(async () => expect(await redisMs()).toBeGreaterThan(held + 50));
  busy.open();

  await expect(late).rejects.toMatchObject({ code: 'NOT_HANDLED', reason: 'expired' });
  expect(handled).toEqual(['first']);
});
