import { describe, expect, test } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  UndecodableError,
  UnencodableError,
  rawCodec,
} from 'nestjs-redis-queue-transport';
import type { Codec } from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

const BYTES = Buffer.from([0xff, 0x0a, 0x00, 0xfe]);
const NO_RETRY = { retry: { attempts: 1 } };
const failing = controllerOf('work', () => {
  throw new Error('always');
});

function openAdmin(codecs: readonly Codec[] = []): RedisQueueAdmin {
  return rig.closeLater(new RedisQueueAdmin(rig.clientOptions({ codecs })));
}

describe('a message in another codec', () => {
  test('becomes a dead letter that the admin reads, and comes back unchanged when redriven', async () => {
    const data = { bytes: BYTES };
    const app = await rig.serve(
      { controllers: [failing] },
      { ...NO_RETRY, codecs: [msgpackCodec] },
    );
    const client = rig.client({ codec: msgpackCodec });
    await lastValueFrom(client.enqueue('work', data));
    const admin = openAdmin([msgpackCodec]);

    await eventually(async () => {
      const { letters } = await admin.deadLetters('work');
      expect(letters.map((letter) => letter.data)).toEqual([data]);
    });
    await app.close();
    expect(await admin.redriveAll('work')).toBe(1);
    expect((await admin.peek('work')).map((message) => message.data)).toEqual([data]);
    const heard: unknown[] = [];
    const hearing = controllerOf('work', (payload) => void heard.push(payload));
    await rig.serve({ controllers: [hearing] }, { codec: msgpackCodec });

    await eventually(() => expect(heard).toEqual([data]));
  });

  test('is shown by the admin of the module, which knows the codecs of its client', async () => {
    @Module({ imports: [RedisQueueModule.register(rig.clientOptions({ codec: msgpackCodec }))] })
    class AppModule {}
    const app = rig.closeLater(await NestFactory.createApplicationContext(AppModule));

    await lastValueFrom(app.get(RedisQueueClient).enqueue('work', { bytes: BYTES }));

    const [message] = await app.get(RedisQueueAdmin).peek('work');
    expect(message?.data).toEqual({ bytes: BYTES });
  });

  test('is shown without data by an admin that cannot read it, except for raw bytes', async () => {
    const admin = openAdmin();
    await lastValueFrom(rig.client({ codec: msgpackCodec }).enqueue('work', { a: 1 }));
    await lastValueFrom(rig.client({ codec: rawCodec }).enqueue('work', BYTES));

    expect((await admin.peek('work')).map(({ data }) => data)).toEqual([undefined, BYTES]);
  });
});

describe('a codec that the server does not know', () => {
  test('makes a dead letter that says what is missing, and the caller is told', async () => {
    await rig.serve({ controllers: [controllerOf('work', (data) => data)] });
    const client = rig.client({ codec: msgpackCodec });
    await lastValueFrom(client.enqueue('work', 1));

    await eventually(async () => {
      const [letter] = await rig.queue('work').dead();
      expect(letter?.dead).toMatchObject({
        reason: 'undecodable',
        error: {
          name: 'UndecodableError',
          message: expect.stringMatching(/"msgpack".*Install msgpackr/) as unknown,
        },
      });
    });
    await expect(lastValueFrom(client.send('work', 1))).rejects.toMatchObject({
      status: 'error',
      code: 'UNDECODABLE',
      message: expect.stringContaining('"msgpack"') as unknown,
    });
  });

  test('does not affect other messages', async () => {
    await rig.serve({ controllers: [controllerOf('work', (data) => data)] });

    await lastValueFrom(rig.client({ codec: msgpackCodec }).enqueue('work', 1));

    expect(await lastValueFrom(rig.client().send('work', 2))).toBe(2);
  });
});

test('bytes that do not fit their header become a dead letter', async () => {
  await rig.serve({ controllers: [controllerOf('work', () => 1)] }, { codecs: [msgpackCodec] });

  const cut = Buffer.concat([
    Buffer.from('{"rq":1,"id":"x","codec":"msgpack"}\n'),
    Buffer.of(0xdd),
  ]);
  await rig.commands.rpush(rig.queue('work').waitingKey, cut);

  await eventually(async () => {
    const [letter] = await rig.queue('work').dead();
    expect(letter?.dead).toMatchObject({
      reason: 'undecodable',
      error: { message: expect.stringContaining('"msgpack" cannot read') as unknown },
    });
  });
});

describe('data that the codec cannot write', () => {
  test('make the call fail, and nothing is sent', async () => {
    await rig.serve({ controllers: [controllerOf('work', () => 1)] });
    const client = rig.client({ codec: rawCodec });

    for (const call of [
      client.enqueue('work', { a: 1 }),
      client.send('work', 'text'),
      client.emit('work', 7),
    ])
      await expect(lastValueFrom(call)).rejects.toBeInstanceOf(UnencodableError);
    expect(await rig.queue('work').dead()).toEqual([]);
  });

  test('in a reply make the request fail for the caller', async () => {
    const controller = controllerOf('work', () => Symbol('no form'));
    await rig.serve({ controllers: [controller] }, { codecs: [msgpackCodec] });

    const answer = lastValueFrom(rig.client({ codec: msgpackCodec }).send('work', 1));

    await expect(answer).rejects.toMatchObject({ status: 'error', code: 'UNENCODABLE' });
  });
});

test('a codec of your own is used on both sides', async () => {
  const reversing: Codec = {
    name: 'reversing',
    encode: (value) => [...String(value)].reverse().join(''),
    decode: (body) => [...body.toString()].reverse().join(''),
  };
  const heard: unknown[] = [];
  const hearing = controllerOf('work', (data) => {
    heard.push(data);
    return `${data as string}!`;
  });
  await rig.serve({ controllers: [hearing] }, { codecs: [reversing] });
  const client = rig.client({ codec: reversing });

  expect(await lastValueFrom(client.send('work', 'abc'))).toBe('abc!');
  expect(heard).toEqual(['abc']);
});

test('a reply in a codec that its client cannot read is a typed error', async () => {
  const broken: Codec = {
    name: 'broken',
    encode: () => '1',
    decode: () => {
      throw new Error('nonsense');
    },
  };
  const codecs = [{ ...broken, decode: () => 1 }];
  await rig.serve({ controllers: [controllerOf('work', () => 1)] }, { codecs });

  const error: unknown = await lastValueFrom(rig.client({ codec: broken }).send('work', 1)).catch(
    (reason: unknown) => reason,
  );

  expect(error).toBeInstanceOf(UndecodableError);
  expect(error).toMatchObject({ message: expect.stringContaining('nonsense') as unknown });
});
