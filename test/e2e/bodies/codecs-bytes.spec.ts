import { beforeEach, describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import {
  RedisQueueContext,
  RedisQueueRecordBuilder,
  RetryLater,
  jsonCodec,
  rawCodec,
} from 'nestjs-redis-queue-transport';
import type { Codec } from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { from, lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { toArray } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** Every possible byte, including newlines, braces and bytes that are not UTF-8. */
const BYTES = Buffer.from([...Array(256).keys(), 0x0a, 0x7b, 0xff, 0xfe, 0xc3]);

let heard: unknown[];

beforeEach(() => {
  heard = [];
});

function controller(): Type {
  @Controller()
  class BytesController {
    @MessagePattern('echo')
    echo(@Payload() data: unknown): unknown {
      heard.push(data);
      return data;
    }

    @MessagePattern('twice', { retry: { delayMs: 0 } })
    twice(@Payload() data: Buffer, @Ctx() context: RedisQueueContext): void {
      heard.push(Buffer.from(data));
      // Changes that a handler makes to its data must not affect how the message is settled.
      data.fill(0);
      if (context.getAttempt() === 1) throw new RetryLater({ delayMs: 0 });
    }

    @MessagePattern('size')
    size(@Payload() data: Buffer): unknown {
      return { size: data.length };
    }

    @MessagePattern('parts')
    parts(@Payload() data: Buffer): Observable<Buffer> {
      return from([data.subarray(0, 2), data.subarray(2)]);
    }

    @MessagePattern('fails')
    fails(): never {
      throw new RpcException({ status: 'error', code: 7 });
    }

    @EventPattern<string>('happened')
    onHappened(@Payload() data: unknown): void {
      heard.push(data);
    }

    @EventPattern<string>('happened')
    onHappenedToo(@Payload() data: unknown): void {
      heard.push(data);
      if (Buffer.isBuffer(data)) data.fill(0);
    }
  }
  return BytesController;
}

describe.each<[string, Codec, (bytes: Buffer) => unknown]>([
  ['raw bytes', rawCodec, (bytes) => bytes],
  ['bytes within MessagePack', msgpackCodec, (bytes) => ({ name: 'ä', list: [bytes] })],
])('%s', (_, codec, dataOf) => {
  const codecs = [msgpackCodec];
  const data = dataOf(BYTES);

  test('reach a handler and come back unchanged', async () => {
    await rig.serve({ controllers: [controller()] }, { codecs });
    const client = rig.client({ codec });

    expect(await lastValueFrom(client.send('echo', data))).toEqual(data);
    expect(heard).toEqual([data]);
    // From here on without the question whether the queue is served, which goes another way.
    expect(await lastValueFrom(client.send('echo', data))).toEqual(data);
  });

  test('arrive unchanged by enqueue', async () => {
    await rig.serve({ controllers: [controller()] }, { codecs });

    await lastValueFrom(rig.client({ codec }).enqueue('echo', data));

    await eventually(() => expect(heard).toEqual([data]));
  });

  test('arrive unchanged by emit, as a separate copy for each handler', async () => {
    await rig.serve({ controllers: [controller()] }, { codecs });

    await lastValueFrom(rig.client({ codec }).emit('happened', data));

    await eventually(() => expect(heard).toHaveLength(2));
    expect(heard[0]).toEqual(data);
  });

  test('can be the codec of a single message, if its record says so', async () => {
    await rig.serve({ controllers: [controller()] }, { codecs });
    const client = rig.client();
    const record = new RedisQueueRecordBuilder(data).codec(codec).headers({ a: 'ä' }).build();

    expect(await lastValueFrom(client.send('echo', record))).toEqual(data);
    expect(await lastValueFrom(client.send('echo', { plain: 1 }))).toEqual({ plain: 1 });
  });
});

describe('bytes', () => {
  test('stay the same through a retry, no matter what a handler does to them', async () => {
    await rig.serve({ controllers: [controller()] });

    await lastValueFrom(rig.client({ codec: rawCodec }).enqueue('twice', BYTES));

    await eventually(() => expect(heard).toEqual([BYTES, BYTES]));
    await eventually(async () => expect(await rig.queue('twice').held()).toBe(0));
  });

  test('can be answered in several parts', async () => {
    await rig.serve({ controllers: [controller()] });
    const parts = rig.client({ codec: rawCodec }).send<Buffer>('parts', BYTES);

    expect(await lastValueFrom(parts.pipe(toArray()))).toEqual([
      BYTES.subarray(0, 2),
      BYTES.subarray(2),
    ]);
  });

  test('can be answered with something that is not bytes, and with an error', async () => {
    await rig.serve({ controllers: [controller()] });
    const client = rig.client({ codec: rawCodec });

    expect(await lastValueFrom(client.send('size', BYTES))).toEqual({ size: BYTES.length });
    await expect(lastValueFrom(client.send('fails', BYTES))).rejects.toEqual({
      status: 'error',
      code: 7,
    });
  });

  test('of length 0 are still bytes', async () => {
    await rig.serve({ controllers: [controller()] });

    const answer = lastValueFrom(rig.client({ codec: rawCodec }).send('echo', Buffer.of()));

    expect(await answer).toEqual(Buffer.of());
  });
});

test('a client with one codec gets answers from a server with another', async () => {
  await rig.serve({ controllers: [controller()] }, { codec: msgpackCodec });

  const data = { at: new Date(5), bytes: BYTES };
  const packed = rig.client({ codec: msgpackCodec });
  expect(await lastValueFrom(packed.send('echo', data))).toEqual(data);
  const plain = rig.client({ codec: jsonCodec });
  expect(await lastValueFrom(plain.send('echo', { a: 1 }))).toEqual({ a: 1 });
});

test('the header names the codec, except for JSON', async () => {
  const client = rig.client();
  const record = (codec: Codec): unknown => new RedisQueueRecordBuilder(BYTES).codec(codec).build();

  await lastValueFrom(client.enqueue('nobody', record(rawCodec)));
  await lastValueFrom(client.enqueue('nobody', record(msgpackCodec)));
  await lastValueFrom(client.enqueue('nobody', record(jsonCodec)));

  const headers = (await rig.queue('nobody').waiting()).map(
    (element) => JSON.parse(element.slice(0, element.indexOf('\n'))) as unknown,
  );
  expect(headers).toEqual([
    expect.objectContaining({ codec: 'raw' }),
    expect.objectContaining({ codec: 'msgpack' }),
    expect.not.objectContaining({ codec: expect.anything() as unknown }),
  ]);
});
