import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, RpcException } from '@nestjs/microservices';
import type { Deserializer, Serializer } from '@nestjs/microservices';
import { UndecodableError } from 'nestjs-redis-queue-transport';
import { concat, from, lastValueFrom, of, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { toArray } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

type Packet = Record<string, unknown>;

/** Notes each packet, and returns what `change` makes of it. */
class TracingSerializer implements Serializer<Packet, unknown> {
  readonly packets: Packet[] = [];

  constructor(private readonly change: (packet: Packet) => unknown = (packet) => packet) {}

  serialize(packet: Packet): unknown {
    this.packets.push({ ...packet });
    return this.change(packet);
  }
}

class TracingDeserializer implements Deserializer<unknown, unknown> {
  readonly values: unknown[] = [];

  constructor(private readonly change: (value: Packet) => unknown = (value) => value) {}

  deserialize(value: unknown): unknown {
    this.values.push(value);
    return this.change(value as Packet);
  }
}

const later = async <T>(value: T, turns = 1): Promise<T> => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
  return value;
};

const heard: unknown[] = [];

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(data: unknown): unknown {
    heard.push(data);
    return data;
  }

  @MessagePattern('stream')
  stream(data: unknown[]): Observable<unknown> {
    return from(data);
  }

  @MessagePattern('fails')
  fails(): Observable<unknown> {
    return concat(
      of(1),
      throwError(() => new RpcException('broken')),
    );
  }

  @EventPattern<string>('happened')
  onHappened(data: unknown): void {
    heard.push(data);
  }
}

const parts = { controllers: [EchoController] };

describe("a client's serializer", () => {
  test('sees each packet, and the data of its result are sent', async () => {
    heard.length = 0;
    await rig.serve(parts);
    const serializer = new TracingSerializer((packet) => ({
      ...packet,
      data: { wrapped: packet['data'] },
    }));
    const client = rig.client({ serializer });

    expect(await lastValueFrom(client.send('echo', 1))).toEqual({ wrapped: 1 });
    const { id } = await lastValueFrom(client.enqueue('echo', 2));
    await eventually(() => expect(heard).toHaveLength(2));
    await lastValueFrom(client.emit('happened', 3));

    await eventually(() => expect(heard).toEqual([{ wrapped: 1 }, { wrapped: 2 }, { wrapped: 3 }]));
    const anyId = expect.any(String) as unknown;
    expect(serializer.packets).toEqual([
      { pattern: 'echo', data: 1, id: anyId },
      { pattern: 'echo', data: 2, id },
      { pattern: 'happened', data: 3, id: anyId },
    ]);
  });

  test('may return bytes, which arrive unchanged', async () => {
    heard.length = 0;
    await rig.serve(parts);
    const serializer = new TracingSerializer(({ data }) => Buffer.of(0xff, data as number));
    const client = rig.client({ serializer });

    expect(await lastValueFrom(client.send('echo', 1))).toEqual(Buffer.of(0xff, 1));
    await lastValueFrom(client.emit('happened', 2));
    await eventually(() => expect(heard).toEqual([Buffer.of(0xff, 1), Buffer.of(0xff, 2)]));
  });

  test('that throws makes the call fail', async () => {
    await rig.serve(parts);
    const serializer = new TracingSerializer(() => {
      throw new Error('cannot be written');
    });
    const client = rig.client({ serializer });

    for (const call of [
      client.send('echo', 1),
      client.enqueue('echo', 1),
      client.emit('happened', 1),
    ]) {
      await expect(lastValueFrom(call)).rejects.toThrow('cannot be written');
    }
  });
});

describe("a server's deserializer", () => {
  test.each([
    ['that returns at once', (value: unknown): unknown => value],
    ['that returns later', (value: unknown): unknown => later(value)],
  ])('%s sees each packet, and the data of its result are handled', async (_, answer) => {
    heard.length = 0;
    const deserializer = new TracingDeserializer((packet) =>
      answer({ ...packet, data: `read: ${String(packet['data'])}` }),
    );
    await rig.serve(parts, { deserializer });
    const client = rig.client();

    expect(await lastValueFrom(client.send('echo', 1))).toBe('read: 1');
    const { id } = await lastValueFrom(client.enqueue('echo', 2));
    await eventually(() => expect(heard).toHaveLength(2));
    await lastValueFrom(client.emit('happened', 3));

    await eventually(() => expect(heard).toEqual(['read: 1', 'read: 2', 'read: 3']));
    const anyId = expect.any(String) as unknown;
    expect(deserializer.values).toEqual([
      { pattern: 'echo', data: 1, id: anyId },
      { pattern: 'echo', data: 2, id },
      { pattern: 'happened', data: 3, id: anyId },
    ]);
  });

  test('sees plain data as they were pushed', async () => {
    heard.length = 0;
    const deserializer = new TracingDeserializer((value) => ({ data: { plain: value } }));
    await rig.serve(parts, { deserializer });

    await rig.commands.rpush(rig.queue('echo').waitingKey, '{"a":1}');

    await eventually(() => expect(heard).toEqual([{ plain: { a: 1 } }]));
  });

  test.each([
    [
      'throws',
      (): unknown => {
        throw new Error('nonsense');
      },
    ],
    ['rejects', (): unknown => Promise.reject(new Error('nonsense'))],
  ])('that %s dead-letters the message, tells the caller and logs the event', async (_, change) => {
    await rig.serve(parts, { deserializer: new TracingDeserializer(change) });
    const client = rig.client();

    await expect(lastValueFrom(client.send('echo', 1))).rejects.toMatchObject({
      status: 'error',
      message: expect.stringContaining('nonsense') as unknown,
    });
    await lastValueFrom(client.enqueue('echo', 2));
    await lastValueFrom(client.emit('happened', 3));

    await eventually(async () => {
      const letters = await rig.queue('echo').dead();
      expect(letters.map(({ dead, body }) => [dead.reason, body])).toEqual([
        ['undecodable', '1'],
        ['undecodable', '2'],
      ]);
    });
    await eventually(() =>
      expect(rig.logs.matching('error', /"happened".*nonsense/)).toHaveLength(1),
    );
  });
});

describe("a server's serializer", () => {
  test('sees each reply, and the response of its result is sent', async () => {
    const serializer = new TracingSerializer((packet) =>
      'response' in packet && packet['response'] !== undefined
        ? { ...packet, response: { wrapped: packet['response'] } }
        : packet,
    );
    await rig.serve(parts, { serializer });
    const client = rig.client();

    expect(await lastValueFrom(client.send('echo', 1))).toEqual({ wrapped: 1 });
    expect(await lastValueFrom(client.send('stream', [1, 2]).pipe(toArray()))).toEqual([
      { wrapped: 1 },
      { wrapped: 2 },
    ]);
    await expect(lastValueFrom(client.send('fails', 1))).rejects.toEqual({
      status: 'error',
      message: 'broken',
    });

    const id = expect.any(String) as unknown;
    expect(serializer.packets).toEqual([
      { response: 1, isDisposed: true, id },
      // A value of several is serialized as soon as the handler has it, before anybody knows whether it is the last one.
      { response: 1, id },
      { response: 2, id },
      { response: 1, id },
      { err: { status: 'error', message: 'broken' }, isDisposed: true, id },
    ]);
  });

  test("may return bytes, which the client's deserializer reads", async () => {
    const serializer = new TracingSerializer(({ response }) =>
      Buffer.from(`<${response as number}>`),
    );
    const deserializer = new TracingDeserializer((packet) => ({
      ...packet,
      response: String(packet['response']),
    }));
    await rig.serve(parts, { serializer });

    expect(await lastValueFrom(rig.client({ deserializer }).send('echo', 1))).toBe('<1>');
  });

  test('that throws makes the request fail for the caller', async () => {
    const serializer = new TracingSerializer(() => {
      throw new Error('cannot be written');
    });
    await rig.serve(parts, { serializer });

    const answer = lastValueFrom(rig.client().send('echo', 1));

    await expect(answer).rejects.toMatchObject({ status: 'error', message: 'cannot be written' });
    expect(rig.logs.matching('error', /cannot be written/)).toHaveLength(1);
  });
});

describe("a client's deserializer", () => {
  test.each([
    ['that returns at once', (value: unknown): unknown => value],
    ['that returns later', (value: unknown): unknown => later(value)],
  ])('%s sees each reply, and the response of its result is the answer', async (_, answer) => {
    await rig.serve(parts);
    const deserializer = new TracingDeserializer((packet) =>
      answer(
        'response' in packet
          ? { ...packet, response: `read: ${String(packet['response'])}` }
          : packet,
      ),
    );
    const client = rig.client({ deserializer });

    expect(await lastValueFrom(client.send('echo', 1))).toBe('read: 1');
    expect(await lastValueFrom(client.send('stream', [1, 2]).pipe(toArray()))).toEqual([
      'read: 1',
      'read: 2',
    ]);
    await expect(lastValueFrom(client.send('fails', 1))).rejects.toEqual({
      status: 'error',
      message: 'broken',
    });
    const id = expect.any(String) as unknown;
    expect(deserializer.values[0]).toEqual({ response: 1, isDisposed: true, id });
  });

  test('that takes longer for earlier values keeps their order, and loses none', async () => {
    await rig.serve(parts);
    const deserializer = new TracingDeserializer((packet) =>
      later(packet, 20 - 5 * Number(packet['response'])),
    );
    const client = rig.client({ deserializer });

    const values = client.send('stream', [1, 2, 3, 4]).pipe(toArray());

    expect(await lastValueFrom(values)).toEqual([1, 2, 3, 4]);
  });

  test.each([
    [
      'throws',
      (): unknown => {
        throw new Error('nonsense');
      },
    ],
    ['rejects', (): unknown => Promise.reject(new Error('nonsense'))],
  ])('that %s makes the request fail with a typed error', async (_, change) => {
    await rig.serve(parts);
    const client = rig.client({ deserializer: new TracingDeserializer(change) });

    const error: unknown = await lastValueFrom(client.send('echo', 1)).catch(
      (reason: unknown) => reason,
    );

    expect(error).toBeInstanceOf(UndecodableError);
    expect(error).toMatchObject({ message: expect.stringContaining('nonsense') as unknown });
  });
});
