import { describe, expect, test } from '@jest/globals';
import { RedisQueueRecord, RedisQueueRecordBuilder, rawCodec } from 'nestjs-redis-queue-transport';
import type { RedisQueueClient, RedisQueueRecordOptions } from 'nestjs-redis-queue-transport';
import { from, lastValueFrom, map, toArray } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';

const rig = nestRig();

const ONE_TO_FIVE = [1, 2, 3, 4, 5].map((n) => ({ n }));

async function bodies(queue: string, count: number): Promise<unknown[]> {
  const waiting = await eventually(async () => {
    const elements = await rig.queue(queue).waiting();
    expect(elements).toHaveLength(count);
    return elements;
  });
  return waiting.map((element) => JSON.parse(element.split('\n')[1] ?? '') as unknown);
}

/**
 * Makes calls before the client has a connection, with one object that changes between the calls and after the last.
 */
async function callWithOne(call: (data: { n: number }) => unknown): Promise<void> {
  const data = { n: 0 };
  for (let n = 1; n <= 5; n += 1) {
    data.n = n;
    call(data);
  }
  data.n = 99;
}

describe('changes to the data after the call are ignored, even before the first connection:', () => {
  test('enqueue', async () => {
    const client = rig.client();

    await callWithOne((data) => client.enqueue('work', data));

    expect(await bodies('work', 5)).toEqual(ONE_TO_FIVE);
  });

  test('enqueueMany', async () => {
    const client = rig.client();

    await callWithOne((data) => client.enqueueMany('work', [data]));

    expect(await bodies('work', 5)).toEqual(ONE_TO_FIVE);
  });

  test('the array given to enqueueMany', async () => {
    const data = [{ n: 1 }, { n: 2 }];
    const call = rig.client().enqueueMany('work', data);
    data.pop();

    expect(await lastValueFrom(call)).toHaveLength(2);
    expect(await bodies('work', 2)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test.each<[string, (client: RedisQueueClient, data: unknown) => unknown]>([
    ['emit', (client, data) => client.emit('happened', data)],
    ['emitMany', (client, data) => client.emitMany('happened', [data])],
  ])('%s, live and durable', async (_, emit) => {
    const live: unknown[] = [];
    const durable: unknown[] = [];
    await rig.serve({
      controllers: [
        eventControllerOf('happened', (data) => live.push(data)),
        eventControllerOf('happened', (data) => durable.push(data), {
          group: 'books',
          concurrency: 1,
        }),
      ],
    });
    const client = rig.client();

    await callWithOne((data) => emit(client, data));

    await eventually(() => expect([live, durable]).toEqual([ONE_TO_FIVE, ONE_TO_FIVE]));
  });

  test('send, once it is subscribed to', async () => {
    await rig.serve({ controllers: [controllerOf('echo', (data) => data)] });
    const client = rig.client();
    const data = { n: 1 };
    const asked = client.send<unknown>('echo', data);
    data.n = 2;

    const answer = lastValueFrom(asked);
    data.n = 3;

    expect(await answer).toEqual({ n: 2 });
  });

  test('bytes', async () => {
    const client = rig.client({ codec: rawCodec });
    const bytes = Buffer.from('first');

    const call = client.enqueue('work', bytes);
    bytes.fill('x');
    await lastValueFrom(call);

    const [element = ''] = await rig.queue('work').waiting();
    expect(element.split('\n')[1]).toBe('first');
  });

  test('headers and settings of a record', async () => {
    const client = rig.client();
    const deliverAt = new Date(Date.now() + 3_600_000);
    const later = new RedisQueueRecordBuilder('later').deliverAt(deliverAt).build();
    const dueMs = deliverAt.getTime();
    const options: {
      -readonly [Key in keyof RedisQueueRecordOptions]: RedisQueueRecordOptions[Key];
    } = { id: 'a', headers: { tenant: 'acme' } };
    const record = new RedisQueueRecord('now', options);

    const calls = [client.enqueue('work', record), client.enqueue('work', later)];
    options.headers = { tenant: 'other' };
    options.delayMs = 3_600_000;
    deliverAt.setTime(0);
    await Promise.all(calls.map((call) => lastValueFrom(call)));

    const [element = ''] = await rig.queue('work').waiting();
    expect(element).toContain('"id":"a"');
    expect(element).toContain('"tenant":"acme"');
    const delayed = await rig.commands.zpopmax(`${rig.prefix}:{work}:delayed`);
    expect(Number(delayed[1])).toBe(dueMs);
  });

  test('a header object that is changed in place', async () => {
    const client = rig.client();
    const headers: Record<string, string> = { tenant: 'acme' };

    const call = client.enqueue('work', new RedisQueueRecord(1, { headers }));
    headers['tenant'] = 'other';
    await lastValueFrom(call);

    expect(await rig.queue('work').waiting()).toEqual([expect.stringContaining('"tenant":"acme"')]);
  });

  test('what the dispatch hook attached', async () => {
    const client = rig.client();
    const metadata = { trace: 1 };
    client.setOnDispatchHook((packet) => Object.assign(packet, { metadata }));

    const call = client.enqueue('work', 1);
    metadata.trace = 2;
    await lastValueFrom(call);

    expect(await rig.queue('work').waiting()).toEqual([expect.stringContaining('{"trace":1}')]);
  });
});

test('a builder that is used again does not change the record that it made before', async () => {
  const client = rig.client();
  const builder = new RedisQueueRecordBuilder('x').id('a').headers({ n: '1' });

  const first = client.enqueue('work', builder.build());
  const second = client.enqueue('work', builder.id('b').headers({ n: '2' }).build());

  expect((await lastValueFrom(first)).id).toBe('a');
  expect((await lastValueFrom(second)).id).toBe('b');
  const elements = await rig.queue('work').waiting();
  expect(elements.map((element) => /"n":"(\d)"/.exec(element)?.[1])).toEqual(['1', '2']);
});

test('data that cannot be encoded make the call fail, without a Redis', async () => {
  const client = rig.client({ connection: 'redis://127.0.0.1:1', connectTimeoutMs: 60_000 });

  for (const call of [client.enqueue('work', 1n), client.emit('work', 1n), client.send('work', 1n)])
    await expect(lastValueFrom(call)).rejects.toMatchObject({ code: 'UNENCODABLE' });
});

test('a handler may answer with one object that it changes between values', async () => {
  const streamed = (): unknown => {
    const one = { n: 0 };
    return from([1, 2, 3]).pipe(map((n) => Object.assign(one, { n })));
  };
  await rig.serve({ controllers: [controllerOf('count', streamed)] });

  const values = await lastValueFrom(rig.client().send('count', {}).pipe(toArray()));

  expect(values).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});
