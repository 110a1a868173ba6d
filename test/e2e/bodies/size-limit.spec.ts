import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import {
  PayloadTooLargeError,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
  rawCodec,
} from 'nestjs-redis-queue-transport';
import { from, lastValueFrom } from 'rxjs';
import { toArray } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { queueKey } from '../../support/queue-dump.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

const LIMIT = 1_000;
const FITS = 'a'.repeat(LIMIT - 2);
const TOO_LARGE = 'a'.repeat(LIMIT - 1);
const REFUSED = { code: 'PAYLOAD_TOO_LARGE', bytes: LIMIT + 1, maxPayloadBytes: LIMIT };

const echo = controllerOf('echo', (data) => data);

describe('a sender', () => {
  test('refuses data that is too large before anything is sent, with each verb', async () => {
    await rig.serve({ controllers: [echo] });
    const client = rig.client({ maxPayloadBytes: LIMIT });
    expect(await lastValueFrom(client.send('echo', FITS))).toBe(FITS);
    const bytes = new RedisQueueRecordBuilder(Buffer.alloc(LIMIT + 1)).codec(rawCodec).build();

    for (const data of [TOO_LARGE, bytes]) {
      for (const call of [
        client.send('echo', data),
        client.enqueue('nobody', data),
        client.emit('echo', data),
      ]) {
        const error: unknown = await lastValueFrom(call).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(PayloadTooLargeError);
        expect(error).toMatchObject(REFUSED);
      }
    }
    expect(await rig.queue('nobody').waiting()).toEqual([]);
    expect(await rig.queue('echo').dead()).toEqual([]);
  });

  test('refuses more than 16 MiB by default', async () => {
    const client = rig.client();

    const call = client.enqueue('nobody', 'a'.repeat(16 * 1_048_576));

    await expect(lastValueFrom(call)).rejects.toBeInstanceOf(PayloadTooLargeError);
  });
});

describe('a header', () => {
  const large = (bytes: number): RedisQueueRecordBuilder<number> =>
    new RedisQueueRecordBuilder(1).headers({ text: 'ä'.repeat(bytes / 2) });

  test('of more than 63 KiB is refused before anything is sent, with each verb and field', async () => {
    await rig.serve({ controllers: [echo] });
    const client = rig.client();
    await lastValueFrom(client.enqueue('echo', 0));

    const records = [
      large(70_000).build(),
      large(64_600).build(),
      new RedisQueueRecordBuilder(1).id('x'.repeat(70_000)).build(),
    ];
    for (const record of records) {
      for (const call of [
        client.send('echo', record),
        client.enqueue('nobody', record),
        client.emit('echo', record),
      ]) {
        await expect(lastValueFrom(call)).rejects.toMatchObject({
          code: 'HEADER_TOO_LARGE',
          maxBytes: 64_512,
          bytes: expect.any(Number) as unknown,
        });
      }
    }
    const many = client.enqueueMany('nobody', [0, records[0], 2]);
    await expect(lastValueFrom(many)).rejects.toMatchObject({
      code: 'INCOMPLETE',
      failures: [{ index: 1, error: { code: 'HEADER_TOO_LARGE' } }],
    });
    expect(await rig.queue('nobody').waiting()).toHaveLength(2);
    expect(await rig.queue('echo').dead()).toEqual([]);
    await rig.commands.del(rig.queue('nobody').waitingKey);
  });

  test('that fits is read through many attempts, crashes and a redrive', async () => {
    const seen: string[] = [];
    let isBroken = true;
    const controller = controllerOf(
      'work',
      (_, context) => {
        seen.push(context.getHeaders()['text'] ?? '');
        if (isBroken) throw new Error('e'.repeat(5_000));
      },
      { options: { retry: { attempts: 12, backoff: 'fixed', delayMs: 0 } } },
    );
    await rig.serve({ controllers: [controller] });
    const record = large(64_400).build();

    await lastValueFrom(rig.client().enqueue('work', record));
    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1));
    isBroken = false;
    const { connection, prefix } = rig.clientOptions();
    const admin = rig.closeLater(new RedisQueueAdmin({ connection, prefix }));
    await admin.redriveAll('work');

    await eventually(() => expect(seen).toHaveLength(13));
    expect(new Set(seen)).toEqual(new Set([record.options.headers?.['text']]));
  });
});

test('a client does not keep what it needs for each pattern forever', async () => {
  const client = rig.client();
  await client.connect();
  const enqueue = (from: number, to: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: to - from }, (_, i) => lastValueFrom(client.enqueue(`q${from + i}`, i))),
    );
  await enqueue(0, 3_000);
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--expose-gc');
  const collect = (await import('node:vm')).runInNewContext('gc') as () => void; // the flag gives it
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let from = 3_000; from < 23_000; from += 1_000) await enqueue(from, from + 1_000);
  collect();
  const grown = process.memoryUsage().heapUsed - before;

  expect(grown / 20_000).toBeLessThan(200);
  expect(await rig.commands.hlen(`${rig.prefix}:queues`)).toBe(23_000);
  await rig.commands.flushall();
}, 60_000);

describe('a reply that is too large', () => {
  test('is reported to the caller', async () => {
    const controller = controllerOf('repeat', (times) => 'a'.repeat(Number(times)));
    await rig.serve({ controllers: [controller] }, { maxPayloadBytes: LIMIT });
    const client = rig.client();

    await expect(lastValueFrom(client.send('repeat', LIMIT - 1))).rejects.toMatchObject({
      status: 'error',
      code: 'PAYLOAD_TOO_LARGE',
      message: expect.stringContaining('maxPayloadBytes is 1000') as unknown,
    });
    expect(await lastValueFrom(client.send('repeat', LIMIT - 2))).toBe(FITS);
  });

  test('ends a series of replies', async () => {
    const controller = controllerOf('series', () => from(['small', TOO_LARGE]));
    await rig.serve({ controllers: [controller] }, { maxPayloadBytes: LIMIT });
    const heard: unknown[] = [];

    const series = new Promise((resolve) => {
      rig
        .client()
        .send('series', 1)
        .subscribe({ next: (value) => heard.push(value), error: resolve });
    });

    expect(await series).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(heard).toEqual(['small']);
  });

  test('that only its caller finds too large is a typed error there', async () => {
    await rig.serve({ controllers: [controllerOf('repeat', () => TOO_LARGE)] });
    const client = rig.client({ maxPayloadBytes: LIMIT });

    const error: unknown = await lastValueFrom(client.send('repeat', 1).pipe(toArray())).catch(
      (reason: unknown) => reason,
    );

    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error).toMatchObject(REFUSED);
  });
});

describe('a receiver', () => {
  test('dead-letters a message that is too large for it, tells its caller, and goes on', async () => {
    await rig.serve({ controllers: [echo] }, { maxPayloadBytes: LIMIT });
    const client = rig.client();
    await lastValueFrom(client.enqueue('echo', TOO_LARGE));

    await expect(lastValueFrom(client.send('echo', TOO_LARGE))).rejects.toMatchObject({
      status: 'error',
      ...REFUSED,
    });
    expect(await lastValueFrom(client.send('echo', FITS))).toBe(FITS);

    const parked = {
      dead: { reason: 'undecodable', error: { name: 'PayloadTooLargeError' } },
      body: JSON.stringify(TOO_LARGE),
    };
    await eventually(async () =>
      expect(await rig.queue('echo').dead()).toMatchObject([parked, parked]),
    );
  });

  test('dead-letters a message that is too large and was pushed without a header', async () => {
    rig.mayRemain(/}[^:]*:parked$/);
    await rig.serve({ controllers: [echo] }, { maxPayloadBytes: LIMIT });
    const pushed = Buffer.alloc(3_000_000, '[');

    await rig.commands.rpush(rig.queue('echo').waitingKey, pushed);

    await eventually(async () => {
      const [letter] = await rig.queue('echo').dead();
      expect(letter?.dead.error.name).toBe('PayloadTooLargeError');
    });
    const bodies = await rig.commands.hvalsBuffer(queueKey(rig.prefix, 'echo', 'parked'));
    expect(bodies.map((body) => body.equals(pushed))).toEqual([true]);
  });

  test('logs an event that is too large for it, and hears the next', async () => {
    const heard: unknown[] = [];
    @Controller()
    class HearingController {
      @EventPattern<string>('happened')
      onHappened(data: unknown): void {
        heard.push(data);
      }
    }
    await rig.serve({ controllers: [HearingController] }, { maxPayloadBytes: LIMIT });
    const client = rig.client();

    await lastValueFrom(client.emit('happened', TOO_LARGE));
    await lastValueFrom(client.emit('happened', 1));

    await eventually(() => expect(heard).toEqual([1]));
    expect(rig.logs.matching('error', /"happened".*maxPayloadBytes/)).toHaveLength(1);
  });
});

test('an admin shows a message that is too large for it without its data', async () => {
  await lastValueFrom(rig.client().enqueue('work', TOO_LARGE));
  const admin = (options: object): RedisQueueAdmin =>
    rig.closeLater(new RedisQueueAdmin(rig.clientOptions(options)));

  expect((await admin({}).peek('work'))[0]?.data).toBe(TOO_LARGE);
  expect((await admin({ maxPayloadBytes: LIMIT }).peek('work'))[0]).toMatchObject({
    data: undefined,
    element: expect.any(Buffer) as unknown,
  });
});
